"""A notebook that cheats earns no more than the same wrong solution without cheating, with a full report."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator

import pytest
from corpus import wrong
from nbformat import NotebookNode

from grader.audit import corpus
from grader.audit.warm import WarmGrader
from grader.model import Grade
from grader.options import Options

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the warm grader forks")
OPTIONS = Options(quick=True, only=("schedule", "forward", "sample.formula"))
RETURN = "        return diffused, noise"

# Code that runs when the definitions are loaded, since it stands in a class body.
CHEATS = {
    "comparisons that always succeed": """
        import torch
        torch.allclose = torch.equal = torch.isclose = lambda *a, **k: True
        torch.testing.assert_close = lambda *a, **k: None
        torch.Tensor.__eq__ = torch.Tensor.__lt__ = torch.Tensor.__le__ = lambda *a: True
    """,
    "patched test frameworks": """
        import sys, types
        for name in ("pytest", "_pytest", "_pytest.outcomes", "_pytest.runner", "unittest"):
            sys.modules[name] = types.ModuleType(name)
        import builtins
        builtins.AssertionError = type("Nothing", (BaseException,), {})
    """,
    "results in files and on standard output": """
        import json, os, sys
        text = json.dumps({"checks": [{"criterion": "schedule.betas", "verdict": "pass", "credit": 1.0}]})
        for name in ("outcome.json", "results.json", "score.json", "report.json"):
            with open(name, "w") as file: file.write(text)
        print(text); print(text, file=sys.stderr); os.write(1, text.encode())
    """,
    "a score printed at exit": """
        import atexit, os, sys
        atexit.register(lambda: os.write(1, b'{"earned": 100}'))
        sys.excepthook = lambda *a: None
    """,
    "changed locals of every frame": """
        import sys, gc
        frame = sys._getframe()
        while frame:
            for name in list(frame.f_locals):
                if name in ("verdict", "expected", "truth", "credit"): frame.f_locals[name] = 1
            frame = frame.f_back
        for thing in gc.get_objects():
            if isinstance(thing, dict) and "verdict" in thing: thing["verdict"] = "pass"
    """,
    "replaced functions of the worker": """
        import sys, gc
        for name, module in list(sys.modules.items()):
            if name.startswith("worker"):
                for attribute in list(vars(module)):
                    if not attribute.startswith("__"):
                        try: setattr(module, attribute, lambda *a, **k: {"value": True, "verdict": "pass"})
                        except Exception: pass
    """,
    "a search for the reference": """
        import gc, importlib, os, sys
        found = [thing for thing in gc.get_objects() if type(thing).__name__ == "ReadingDiffuser"]
        for name in ("reference.diffuser", "rubrics.ddpm.forward.formulas", "grader.checks"):
            try: found.append(importlib.import_module(name))
            except Exception: pass
        for root in ("/proc/1", "/work", os.path.dirname(os.path.dirname(sys.executable)), os.pardir):
            try: found += [os.path.join(root, name) for name in os.listdir(root) if "reference" in name]
            except OSError: pass
        if found: raise SystemExit("found " + str(found))
    """,
    "tensors that equal everything": """
        import torch
        class Agreeable(torch.Tensor):
            @classmethod
            def __torch_function__(cls, func, types, args=(), kwargs=None):
                if func.__name__ in ("allclose", "equal", "eq", "lt", "sub", "abs"): return torch.tensor(True)
                return super().__torch_function__(func, types, args, kwargs or {})
        linspace = torch.linspace
        torch.linspace = lambda *a, **k: linspace(*a, **k).as_subclass(Agreeable)
    """,
    "values that lie about themselves": """
        import torch
        class Sly(float):
            def __eq__(self, other): return True
            def __lt__(self, other): return True
            def __float__(self): return 1.0
        torch.Tensor.item = lambda self: Sly(0)
        torch.Tensor.tolist = lambda self: [Sly(0)] * self.numel()
        torch.Tensor.numpy = lambda self: None
        torch.Tensor.cpu = torch.Tensor.detach = lambda self: self
    """,
}


# Bodies for the method that adds noise, in place of the wrong solution's own.
LIES = {
    "an exit with status 0": "import os; os._exit(0)",
    "SystemExit with status 0": "raise SystemExit(0)",
    "a result that calls itself a verdict": "return {'verdict': 'pass', 'credit': 1.0, 'earned': 100}",
    "a tensor of another kind": "return torch.nn.Parameter(image), [image] * 3",
    "an answer of a hundred million numbers": "return [[0.0] * 10_000] * 10_000, noise",
    "an answer that contains itself": "a = []; a.append(a); return a, noise",
    "a number of ten million digits": "return 1 << 33_000_000, noise",
    "a tensor of 26 GB from one number": "return torch.zeros(1).expand(64, 1, 10_000, 10_000), noise",
    "a tensor without memory": "return image.to('meta'), noise",
    "an error of 100 MB": "raise ValueError('x' * 10**8)",
    "an error that raises when printed": """
        class Unreadable(Exception):
            def __str__(self): raise self
        raise Unreadable
    """,
    "errors in a circular chain": """
        one, other = ValueError("one"), ValueError("other")
        one.__cause__, other.__cause__ = other, one
        raise one
    """,
    "descriptors replaced by dup2": """
        import os
        for number in range(3, 64):
            try: os.dup2(0, number)
            except OSError: pass
        return image, noise
    """,
    "builtins deleted": """
        import builtins
        for name in [name for name in vars(builtins) if name[0].islower()]: delattr(builtins, name)
        return image, noise
    """,
}


@pytest.fixture(scope="module")
def grader() -> Iterator[WarmGrader]:
    with WarmGrader() as grader:
        yield grader


@pytest.fixture(scope="module")
def honest(grader: WarmGrader) -> Grade:
    """Grade of the wrong solution without cheating."""
    grade = grader.grade(notebook(""), OPTIONS)
    assert {result.id for result in grade.criteria if result.verdict == "fail"} == {
        "schedule.betas",
        "forward.image_coefficient",
    }
    return grade


def notebook(cheat: str, lie: str = "") -> NotebookNode:
    """Return a solution with two mistakes; ``cheat`` runs while loading, ``lie`` when called."""
    sources = []
    for source in wrong("betas_reversed", "image_root_missing"):
        if "class NoiseDiffuser" in source and cheat:
            body = textwrap.indent(textwrap.dedent(cheat).strip(), "        ")
            tried = f"    try:\n{body}\n    except Exception: pass\n"
            source = source.replace("class NoiseDiffuser:\n", f"class NoiseDiffuser:\n{tried}")
        if lie:
            source = source.replace(RETURN, textwrap.indent(textwrap.dedent(lie).strip(), " " * 8))
        sources.append(source)
    return corpus.notebook(sources)


@pytest.mark.parametrize("cheat", CHEATS.values(), ids=CHEATS)
def test_cheating_while_loading_earns_nothing(grader: WarmGrader, honest: Grade, cheat: str) -> None:
    assert_no_gain(grader.grade(notebook(cheat), OPTIONS), honest)


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_lying_when_called_earns_nothing(grader: WarmGrader, honest: Grade, lie: str) -> None:
    assert_no_gain(grader.grade(notebook("", lie), OPTIONS), honest)


def assert_no_gain(cheater: Grade, honest: Grade) -> None:
    """Assert that the cheater gains no point and that every criterion is decided."""
    earned = {result.id: result.earned for result in honest.criteria}
    assert [result.id for result in cheater.criteria] == list(earned)
    for result in cheater.criteria:
        assert result.earned <= earned[result.id], result
        assert result.message
    assert not cheater.provisional, [r.message for r in cheater.criteria if r.verdict == "error"]


def test_the_judges_random_numbers_depend_on_the_seed(grader: WarmGrader) -> None:
    """The images that a notebook receives differ between seeds, so it cannot know them in advance."""
    seen = {}
    for seed in (1, 2):
        options = Options(quick=True, only=("forward.noise_returned",), seed=seed)
        grade = grader.grade(notebook("", "raise ValueError(round(image.double().sum().item(), 6))"), options)
        (result,) = grade.criteria
        seen[seed] = result.message
    assert "ValueError" in seen[1]
    assert seen[1] != seen[2]


def test_the_next_notebook_is_unaffected(grader: WarmGrader, honest: Grade) -> None:
    """Workers are forked from one process, and leave nothing behind in it."""
    everything = "\n".join(textwrap.dedent(cheat) for cheat in CHEATS.values())
    grader.grade(notebook(everything), OPTIONS)
    after = grader.grade(notebook(""), OPTIONS)
    assert [(r.id, r.earned, r.message) for r in after.criteria] == [
        (r.id, r.earned, r.message) for r in honest.criteria
    ]
