"""The worker answers, survives nothing that it should not, and says where the student's code failed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from grader.sandbox import zygote as zygote_module
from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.values import CURRENT_DEVICE, Exhausted, OnCPU, Refusal, StudentError
from grader.sandbox.zygote import Zygote


@pytest.fixture
def student(zygote: Zygote) -> Iterator[Any]:
    """Loads source into a worker."""
    students: list[Student] = []

    def load(source: str, **options: Any) -> Student:
        statements = [{"source": source, "cell": 7, "line": 3, "flags": 0}]
        students.append(Student(zygote=zygote, source=WorkerSource(statements=statements), **options))
        return students[-1]

    yield load
    for one in students:
        one.close()


def test_values_come_back_as_they_went(student: Any) -> None:
    """Numbers, text, tensors of every kind, nested containers, and what is no number."""
    echo = student("def echo(x): return x")
    values = [1, 2.5, "text", None, True, (1, [2, {"a": 3}]), float("inf"), torch.arange(6).reshape(2, 3)]
    back = echo.call("echo", values)
    assert back[:7] == values[:7]
    assert torch.equal(back[7], values[7])
    assert str(echo.call("echo", float("nan"))) == "nan"
    for dtype in (torch.bool, torch.uint8, torch.float16, torch.bfloat16, torch.float64):
        tensor = torch.ones(3, dtype=dtype)
        assert torch.equal(echo.call("echo", tensor), tensor)
    assert echo.call("echo", torch.empty(0, 4)).shape == (0, 4)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody watches")
def test_what_a_worker_took_of_the_processor_is_known_when_it_has_ended(student: Any) -> None:
    spin = "def spin():\n    while time.process_time() < before + 0.5: pass"
    one = student(f"import time\nbefore = time.process_time()\n{spin}")
    with one.fresh() as another:
        another.call("spin")
    assert one.spent.cpu_seconds > 0.4
    assert one.spent.seconds > 0.4


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody looks at it")
def test_memory_that_was_freed_is_kept_for_what_comes_next(student: Any) -> None:
    """A page fault is the system giving out memory; every step of a training would have thousands."""
    source = """
import resource
import torch
from torch import nn
widths = [1, 32, 64, 32, 1]
network = nn.Sequential(*(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(widths, widths[1:])))

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    network(torch.ones(16, 1, 28, 28)).sum().backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
"""
    one = student(source)
    first = one.call("faults")
    assert min(one.call("faults") for _ in range(10)) < min(500, first)


def test_weights_leave_a_worker_and_enter_another(student: Any) -> None:
    """As a file's bytes, which nobody opens on the way; more than asked for do not come."""
    source = "import torch\nUNet = lambda: torch.nn.Linear(2, 3)"
    first, second = student(source), student(source)
    ours, theirs = first.call("UNet", keep=True), second.call("UNet", keep=True)
    content = first.ask("state", ours, most=1 << 20)
    second.ask("weights", theirs, content=content)
    x = torch.ones(1, 2)
    assert torch.equal(first.call(ours, x), second.call(theirs, x))
    assert len(first.ask("state", ours, most=8)) == 0


def test_who_is_given_up_is_asked_no_more(student: Any) -> None:
    one = student("def f(): return 1")
    assert one.call("f") == 1
    one.cancel()
    for _ in range(2):
        with pytest.raises(StudentError):
            one.call("f")
    assert one.generation == 1


def test_objects_stay_in_the_worker_and_are_named_by_handles(student: Any) -> None:
    one = student("class Box:\n    def __init__(self, x): self.x = x\n    def twice(self): return 2 * self.x")
    box = one.call("Box", torch.ones(2), keep=True)
    assert torch.equal(one.call(box, method="twice"), torch.full((2,), 2.0))
    one.set(box, "x", 5)
    assert one.get(box, "x") == 5


def test_an_error_names_cell_and_line(student: Any) -> None:
    """Cell 7 starts with the statement at line 3; the mistake is two lines below."""
    one = student("def f():\n    x = 1\n    return y")
    with pytest.raises(StudentError, match=r"cell 7, line 5: NameError: name 'y' is not defined"):
        one.call("f")


@pytest.mark.parametrize(
    ("body", "type"),
    [
        ("while True: pass", "Timeout"),
        ("import os; os._exit(0)", "Died"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "Died"),
        ("import torch; return torch.zeros(30_000_000)", "Flood"),
    ],
)
def test_a_worker_that_is_lost_is_replaced(student: Any, body: str, type: str) -> None:
    """The next question gets a fresh one; handles of the old one say that they are gone."""
    one = student(f"def f():\n    {body}\ndef fine(): return 1\nclass Box: pass")
    box = one.call("Box", keep=True)
    with pytest.raises(StudentError) as error:
        one.call("f", timeout=1.0)
    assert error.value.type == type
    assert error.value.lost
    assert one.call("fine") == 1
    with pytest.raises(StudentError, match="the Box was lost"):
        one.call(box)


def test_code_for_a_gpu_runs_on_what_there_is(student: Any) -> None:
    """Every way of asking for CUDA that notebooks use, on a machine that may have none."""
    source = """
import torch
from torch import nn
def f(device):
    torch.cuda.manual_seed(1); torch.cuda.manual_seed_all(1)
    torch.cuda.empty_cache(); torch.cuda.synchronize()
    x = torch.zeros(2, device="cuda") + torch.ones(2).cuda() + torch.ones(2).to("cuda") + torch.ones(2).to(0)
    x = x + torch.tensor([1.0, 1.0], device=torch.device("cuda")) + torch.ones(2).to(device)
    return nn.Linear(2, 1).cuda()(x).detach() * 0 + nn.Linear(2, 1).to("cuda")(x).detach() * 0 + x.sum()
"""
    assert student(source).call("f", CURRENT_DEVICE).item() == 10


def test_the_notebooks_surroundings_are_quiet_stand_ins(student: Any) -> None:
    source = """
from google.colab import drive, files
import google.colab
from tqdm.notebook import tqdm
from tqdm.auto import trange
import wandb
import matplotlib.pyplot as plt
class Callback(wandb.Callback): pass
def f():
    drive.mount("/content"); wandb.init(project="x").log({})
    plt.plot([1]); plt.show()
    bar = tqdm(range(3)); bar.set_postfix(loss=1)
    return [i for i in bar] + list(trange(2))
"""
    assert student(source).call("f") == [0, 1, 2, 0, 1]


def test_mnist_is_served_from_what_the_judge_sent(student: Any) -> None:
    """Without a download; also behind a transform."""
    source = """
import torchvision, torchvision.transforms as transforms
data = torchvision.datasets.MNIST(root="./data", train=True, download=True, transform=transforms.ToTensor())
def f(): return len(data), data[1][0], data[1][1]
"""
    images = torch.rand(5, 1, 28, 28)
    count, image, label = student(source, data=(images, torch.arange(5))).call("f")
    assert (count, label) == (5, 1)
    assert torch.allclose(image, images[1], atol=1 / 255)


def test_a_worker_cannot_import_the_grader_or_the_reference(student: Any) -> None:
    for name in ("grader", "reference", "rubrics.ddpm"):
        with pytest.raises(StudentError, match="ModuleNotFoundError"):
            student(f"def f():\n    import {name}").call("f")


def test_one_seed_gives_one_stream_whatever_draws_it(student: Any) -> None:
    """torch, random, numpy's global generator, and generators that numpy makes without a seed."""
    source = """
import random, torch, numpy as np
def f(): return torch.rand(1).item(), random.random(), np.random.rand(), np.random.default_rng().random()
"""
    one = student(source)
    assert one.call("f", seed=3) == one.call("f", seed=3)
    assert one.call("f", seed=3) != one.call("f", seed=4)


def test_statements_that_fail_do_not_take_the_others_along(zygote: Zygote) -> None:
    rows = [("import nowhere", 1), ("def f(): return 1", 2), ("x = 1 / 0", 3)]
    statements = [{"source": source, "cell": 1, "line": line, "flags": 0} for source, line in rows]
    one = Student(zygote=zygote, source=WorkerSource(statements=statements))
    one.start()
    assert [(p["type"], p["line"]) for p in one.problems] == [("ZeroDivisionError", 3)]
    assert [notice.split(";")[0] for notice in one.notices] == [
        "nowhere is not installed where this was graded"
    ]
    assert one.call("f") == 1
    one.close()


class _Doubler:
    """A network that the judge plays: twice the input; gradients are noted."""

    def __init__(self) -> None:
        self.gradients: list[torch.Tensor] = []

    def describe(self) -> dict[str, Any]:
        return {"kind": "module"}

    def answer(self, event: str, args: Any, kwargs: Any, state: Any) -> Any:
        if event == "backward":
            self.gradients.append(args[1])
            return None
        return 2 * args[0]


class _TwoBatches:
    """A loader that the judge plays."""

    def __init__(self) -> None:
        self.left = 2

    def describe(self) -> dict[str, Any]:
        return {"kind": "loader", "attributes": {"batches": 2, "batch_size": 1, "items": 2}}

    def answer(self, event: str, args: Any, kwargs: Any, state: Any) -> Any:
        if event == "epoch":
            return None
        if not self.left:
            raise Exhausted
        self.left -= 1
        return [OnCPU(torch.full((1,), float(self.left))), OnCPU(torch.zeros(1))]


class _Refuses:
    def describe(self) -> dict[str, Any]:
        return {"kind": "object", "methods": ["go"], "attributes": {}, "fallback": None}

    def answer(self, event: str, args: Any, kwargs: Any, state: Any) -> Any:
        raise Refusal("IndexError", "no such step")


class _Breaks(_Refuses):
    def answer(self, event: str, args: Any, kwargs: Any, state: Any) -> Any:
        raise ZeroDivisionError("ours")


def test_a_network_that_the_judge_plays_is_differentiable(student: Any) -> None:
    """The gradient of the mean square of 2x arrives in the judge: 2 · 2x / n."""
    one, double = student("def f(model, x):\n    (model(x) ** 2).mean().backward()"), _Doubler()
    one.call("f", double, torch.tensor([1.0, 3.0]))
    assert torch.equal(double.gradients[0], torch.tensor([2.0, 6.0]))


def test_a_loader_that_the_judge_plays_ends_when_it_says(student: Any) -> None:
    one = student("def f(loader): return len(loader), [x.item() for x, _ in loader]")
    assert one.call("f", _TwoBatches()) == (2, [1.0, 0.0])


class _Curious(_TwoBatches):
    """A loader whose judge has a question before each batch."""

    def __init__(self, question: Callable[[], Any]) -> None:
        super().__init__()
        self.question, self.heard = question, list[Any]()

    def answer(self, event: str, args: Any, kwargs: Any, state: Any) -> Any:
        self.heard.append(self.question())
        return super().answer(event, args, kwargs, state)


LOOKING = """
import random, time
import numpy as np
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.frozen = torch.nn.Dropout(), torch.nn.Dropout().eval()
    def forward(self, x):
        time.sleep(0.1)
        return self.drop(x)
def run(net, loader):
    seen = []
    for _ in loader:
        drawn = torch.rand(1).item(), random.random(), np.random.rand(), np.random.default_rng().random()
        seen.append((drawn, [part.training for part in net.modules()]))
    return seen
"""


def test_what_the_judge_asks_before_it_answers_leaves_no_trace(student: Any) -> None:
    one, x = student(LOOKING), torch.ones(5)
    net = one.call("Net", keep=True)

    def look() -> Any:
        one.call(net, method="eval", keep=True)
        return one.call(net, x, seed=0, grad=False)

    alone, curious = one.call("run", net, _TwoBatches(), seed=1), _Curious(look)
    before, started = one.spent.seconds, time.monotonic()
    assert one.call("run", net, curious, seed=1) == alone
    assert alone[0][1] == [True, True, False]
    assert all(torch.equal(output, x) for output in curious.heard)  # nothing is dropped out there
    assert one.spent.seconds - before <= time.monotonic() - started  # nothing is counted twice


def test_a_deadline_that_passes_while_the_judge_asks_is_named(student: Any) -> None:
    one = student(LOOKING.replace("sleep(0.1)", "sleep(60)"))
    net = one.call("Net", keep=True)
    with pytest.raises(StudentError, match="no answer within 1 second") as raised:
        one.call("run", net, _Curious(lambda: one.call(net, torch.ones(1))), timeout=1.0)
    assert raised.value.type == "Timeout"


def test_an_error_in_what_the_judge_asks_is_no_error_of_what_is_under_way(student: Any) -> None:
    one = student(LOOKING + "def fails(): raise ValueError('no')")

    def look() -> str:
        with pytest.raises(StudentError, match="no") as raised:
            one.call("fails")
        return raised.value.type

    curious = _Curious(look)
    assert len(one.call("run", one.call("Net", keep=True), curious)) == 2
    assert set(curious.heard) == {"ValueError"}


def test_a_stand_in_may_refuse_and_the_student_may_catch_it(student: Any) -> None:
    one = student("def f(o):\n    try: o.go(9)\n    except IndexError as e: return str(e)")
    assert one.call("f", _Refuses()) == "no such step"


def test_an_error_of_the_judges_own_is_never_the_students(student: Any) -> None:
    """A stand-in that breaks raises in the judge, not in the student's code."""
    one = student("def f(o):\n    try: o.go(9)\n    except Exception: return 'caught'\ndef fine(): return 1")
    with pytest.raises(ZeroDivisionError):
        one.call("f", _Breaks())
    assert one.call("fine") == 1


def test_where_fork_is_not_to_be_had_every_worker_is_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on macOS and Windows: slower to start, the same answers, the same end of what hangs."""
    monkeypatch.setattr(zygote_module.sys, "platform", "darwin")
    statements = [
        {"source": "def f(): return 1\ndef hang():\n    while True: pass", "cell": 1, "line": 1, "flags": 0}
    ]
    with Zygote() as zygote:
        one = Student(zygote=zygote, source=WorkerSource(statements=statements))
        assert one.call("f") == 1
        with pytest.raises(StudentError, match="no answer within 1 seconds"):
            one.call("hang", timeout=1.0)
        assert one.call("f") == 1
        one.close()


@pytest.mark.slow
def test_a_statement_at_top_level_that_takes_too_long_is_given_up(zygote: Zygote) -> None:
    """It costs itself; what stands below it is there."""
    rows = ["numbers = sum(n for n in iter(int, 1))", "def f(): return 1"]  # endless, and no memory fills
    statements = [
        {"source": row, "cell": 1, "line": line, "flags": 0} for line, row in enumerate(rows, start=1)
    ]
    one = Student(zygote=zygote, source=WorkerSource(statements=statements))
    assert one.call("f") == 1
    assert [(p["type"], p["line"]) for p in one.problems] == [("TimeoutError", 1)]
    one.close()


def test_files_of_elsewhere_are_kept_at_home(student: Any, tmp_path: Path) -> None:
    """Nothing is written where the notebook wants it, and it finds there all that it wrote."""
    drive = tmp_path / "drive"
    one = student(f"""
import os, torch
from pathlib import Path
def f():
    os.makedirs("{drive}/a/b", exist_ok=True); os.makedirs(name="{drive}/a/b"); Path("{drive}/c").mkdir()
    torch.save([1], "{drive}/a/b/w.pth"); torch.save(obj=[2], f="made by hand/w.pth")
    Path("{drive}/c/l.json").write_text("[3]")
    with open("{drive}/other/log.csv", "a") as file: file.write("4")
    with open("../up.txt", "w") as file: file.write("5")
    loaded = [torch.load("{drive}/a/b/w.pth"), torch.load(f="made by hand/w.pth")]
    read = [open(name).read() for name in ("{drive}/c/l.json", "{drive}/other/log.csv", "../up.txt")]
    there = [os.path.exists("{drive}/a/b/w.pth"), os.path.isdir("{drive}/c"), os.path.exists("{drive}/d")]
    return loaded + read + there
def g(): open("{drive}/a/missing")
def h(): open("{drive}/a/missing", "r+")
""")
    assert one.call("f") == [[1], [2], "[3]", "4", "5", True, True, False]
    for name in "gh":
        with pytest.raises(StudentError, match=r"FileNotFoundError|PermissionError"):
            one.call(name)
    assert not drive.exists()


def test_the_source_of_functions_can_be_read_as_in_a_notebook(student: Any) -> None:
    one = student("import inspect\ndef f(x):\n    return x  # it\ndef g(): return inspect.getsource(f)")
    assert one.call("g") == "def f(x):\n    return x  # it\n"
