"""Definitions and imports inside top-level blocks are run with their block."""

from __future__ import annotations

import pytest

from grader.extraction.extract import extract
from grader.extraction.student_source import StudentSource
from grader.notebook.formats import Cell
from grader.notebook.submission import Submission

MODEL = "class Model:\n        size = 3"


def _extract(*cells: str) -> StudentSource:
    numbered = tuple(Cell(number, source) for number, source in enumerate(cells, start=1))
    return extract(Submission(name="s", path="s.ipynb", sha256="", cells=numbered), ("Model",))


@pytest.mark.parametrize(
    "block",
    [
        f"for width in (1, 2):\n    {MODEL}",
        f"with suppressed():\n    {MODEL}",
        f"if True:\n    {MODEL}\nelse:\n    raise SystemExit",
        f"try:\n    {MODEL}\nexcept NameError as error:\n    raise SystemExit('no') from error",
        f"try:\n    {MODEL}\nexcept NameError:\n    traceback.print_exc()",
        f"for _ in range(1):\n    with suppressed():\n        {MODEL.replace('    ', '        ')}",
    ],
)
def test_a_definition_alone_in_a_block_is_run_with_it(block: str) -> None:
    source = _extract(block)
    assert [each.source for each in source.statements] == [block]
    assert [each.name for each in source.definitions] == ["Model"]


@pytest.mark.parametrize(
    "handler",
    [
        "raise SystemExit('einops is needed')",
        "get_ipython().system('pip install einops')\n    from einops import rearrange",
    ],
)
def test_an_import_is_kept_whatever_handles_its_failure(handler: str) -> None:
    imported = f"try:\n    from einops import rearrange\nexcept ImportError:\n    {handler}"
    source = _extract(imported, "class Model:\n    split = rearrange")
    assert source.statements[0].source == imported
    assert not source.undefined


def test_a_loop_without_a_definition_is_not_run() -> None:
    source = _extract("for _ in range(3):\n    size = 3", "class Model:\n    size = size")
    assert len(source.statements) == 1
