"""Hints, docstrings, asserts, logging, progress bars, plots and early returns."""

from __future__ import annotations

import re

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.replacing import replace_one
from grader.audit.rewriting.trees import (
    block,
    body_of,
    code,
    definitions,
    replaced,
    rewrite,
    statements,
    with_body,
)


def _before_body(draft: Draft, texts: tuple[str, ...], *, top: str = "") -> bool:
    """Put statements at the start of a function; ``{first}`` is its first parameter."""
    for definition in definitions(draft):
        own = [name for name in definition.parameters if name != "self"]
        if not definition.is_plain or not own or definition.name == "__init__":
            continue
        text = draft.rng.choice(texts).format(first=own[0], name=definition.name, last=own[-1])
        function = with_body(definition.function, f"{text}\n{body_of(definition.function)}")
        draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
        if top:
            draft.add_first(top)
        return True
    return False


@transformation("decoration")
def type_hints(draft: Draft) -> bool:
    """Annotate parameters and result of a function."""
    hints = ("torch.Tensor", "int", "float", "object", '"torch.Tensor"', "list[int] | torch.Tensor", "'Any'")
    for definition in definitions(draft):
        given = definition.function.params
        if any(each.annotation for each in given.params) or not definition.is_plain:
            continue
        params = [
            each
            if each.name.value in ("self", "cls")
            else each.with_changes(
                annotation=cst.Annotation(cst.parse_expression(draft.rng.choice(hints))),
                equal=cst.AssignEqual() if each.default else cst.MaybeSentinel.DEFAULT,
            )
            for each in given.params
        ]
        result = draft.rng.choice(("tuple", "torch.Tensor", "None", "'tuple[torch.Tensor, torch.Tensor]'"))
        function = definition.function.with_changes(
            params=given.with_changes(params=params), returns=cst.Annotation(cst.parse_expression(result))
        )
        draft.cells[definition.cell] = replaced(definition.module, definition.function, function)
        return True
    return False


@transformation("decoration")
def docstrings(draft: Draft) -> bool:
    """Add a docstring."""
    return _before_body(
        draft,
        (
            '"""{name}.\n\nArgs:\n    {first}: as in the handout\n\nReturns:\n    see above\n"""',
            "'''TODO: {name}'''",
            'r"""\\sqrt{{\\bar\\alpha}}"""',
            '"{name}"',
        ),
    )


@transformation("decoration")
def assertions(draft: Draft) -> bool:
    """Assert what holds."""
    return _before_body(
        draft,
        (
            "assert {first} is not None",
            "assert {first} is not None, f'{first} is missing: {{type({first})}}'",
            "if {first} is None:\n    raise ValueError('{first}')",
            "if not hasattr({first}, '__class__'):\n    return None",
            "assert not isinstance({first}, str) and callable({name}) if False else True",
        ),
    )


@transformation("decoration")
def logging_lines(draft: Draft) -> bool:
    """Log, warn or print."""
    return _before_body(
        draft,
        (
            "logging.info('%s %s', '{name}', type({first}))",
            "logger = logging.getLogger('{name}')\nlogger.debug('called')",
            "print('{name}', type({first}).__name__, flush=True)",
            "import sys\nsys.stdout.write('.')\nsys.stdout.flush()",
            "import warnings\nwarnings.warn('{name} was called')",
            "import time\nstarted = time.perf_counter()\nprint('started', time.strftime('%H:%M'))",
            "import gc\ngc.collect()",
            "import datetime\nprint(datetime.datetime.now())",
        ),
        top="import logging\nlogging.basicConfig(level=logging.WARNING)",
    )


@transformation("decoration")
def counters(draft: Draft) -> bool:
    """Count calls in a global, a function attribute or a list."""
    name = draft.fresh("calls", "n_calls", "history", "counter")
    return _before_body(
        draft,
        (
            f"global {name}\n{name} = {name} + [1]",
            f"{name}.append('{{name}}')",
            f"{name}.extend([type({{first}})])",
        ),
        top=f"{name} = []",
    )


@transformation("decoration")
def add_progress_bars(draft: Draft) -> bool:
    """Wrap what is looped over in a progress bar."""
    form, line = draft.rng.choice(
        (
            ("tqdm({x})", "from tqdm import tqdm"),
            ("tqdm({x}, total=len({x}))", "from tqdm.auto import tqdm"),
            ("tqdm({x}, desc='run', leave=False, ncols=80)", "from tqdm import tqdm"),
            ("tqdm(list({x}))", "from tqdm.auto import tqdm"),
        )
    )

    def change(node: cst.For) -> str | None:
        over = code(node.iter)
        if "tqdm" in over or not isinstance(node.body, cst.IndentedBlock) or node.orelse:
            return None
        if not over.startswith(("range", "reversed", "list")) and "loader" not in over:
            return None
        if "len(" in form and "loader" not in over:
            return None
        if "list" in form and "loader" in over:
            return None
        return block(f"for {code(node.target)} in {form.format(x=over)}:", body_of(node))  # type: ignore[arg-type]

    if not replace_one(draft, cst.For, change):
        return False
    draft.add_first(line)
    return True


@transformation("decoration")
def progress_bar_with_status(draft: Draft) -> bool:
    """A progress bar in a variable or context, whose description is changed."""
    bar = draft.fresh("bar", "pbar", "progress")

    def change(node: cst.For) -> str | None:
        over = code(node.iter)
        if (
            "tqdm" in over
            or "loader" not in over
            or not isinstance(node.body, cst.IndentedBlock)
            or node.orelse
        ):
            return None
        body = f"{body_of(node)}\n{bar}.set_description('batch')\n{bar}.set_postfix(done=1)"  # type: ignore[arg-type]
        if draft.rng.random() < 0.5:
            return f"{bar} = tqdm({over})\n" + block(f"for {code(node.target)} in {bar}:", body)
        return block(
            f"with tqdm({over}, unit='batch') as {bar}:", block(f"for {code(node.target)} in {bar}:", body)
        )

    if not replace_one(draft, cst.For, change):
        return False
    draft.add_first("from tqdm.auto import tqdm")
    return True


@transformation("decoration")
def remove_progress_bars(draft: Draft) -> bool:
    """Loop over what is in a progress bar."""

    def change(node: cst.Call) -> str | None:
        return (
            code(node.args[0].value) if code(node.func).rpartition(".")[2] == "tqdm" and node.args else None
        )

    return rewrite(draft, cst.Call, change)


@transformation("decoration")
def plots(draft: Draft) -> bool:
    """Draw in a function, or save what it gets."""
    return _before_body(
        draft,
        (
            "plt.figure(figsize=(4, 3))\nplt.plot([1, 2], [3, 4])\nplt.close('all')",
            "fig, ax = plt.subplots()\nax.set_title('{name}')\nplt.show()",
            "plt.figure()\nplt.title('{name}')\nplt.savefig('{name}.png')\nplt.close()",
        ),
        top="import matplotlib.pyplot as plt",
    )


@transformation("decoration")
def early_returns(draft: Draft) -> bool:
    """Return early for what is never given."""
    return _before_body(
        draft,
        (
            "if {first} is None:\n    return None",
            "if isinstance({first}, str):\n    return {first}",
            "if {last} is Ellipsis:\n    return",
            "if type({first}).__name__ == 'NotUsed':\n    raise TypeError",
        ),
    )


@transformation("decoration")
def comments_removed(draft: Draft) -> bool:
    """Leave out full-line comments, or add one to each line."""
    for cell, module in draft.modules():
        if '"""' in draft.cells[cell] or "'''" in draft.cells[cell] or "%%" in draft.cells[cell]:
            continue
        lines = draft.cells[cell].splitlines()
        if draft.rng.random() < 0.5:
            lines = [line for line in lines if not re.match(r"^\s*#", line)]
        else:
            lines = [
                f"{line}  # {n}" if line.strip() and line[-1] not in "\\'\"" else line
                for n, line in enumerate(lines)
            ]
        draft.cells[cell] = "\n".join(lines)
        del module
        return True
    return False


@transformation("decoration")
def try_around_statement(draft: Draft) -> bool:
    """Put one statement of a function into a ``try`` that reports and raises."""
    for definition in definitions(draft):
        lines = [each for each in definition.function.body.body if isinstance(each, cst.SimpleStatementLine)]
        lines = [
            each
            for each in lines
            if not code(each).startswith(("super", '"""', "return", "global", "nonlocal"))
        ]
        if lines:
            line = draft.rng.choice(lines)
            text = (
                f"try:\n    {code(line)}\nexcept Exception as error:\n    print('failed', error)\n    raise\n"
            )
            if "\n" in code(line):
                continue
            draft.cells[definition.cell] = replaced(definition.module, line, *statements(text))
            return True
    return False
