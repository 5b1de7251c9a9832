"""The cells of a kernel's history, and the words behind ``%grade``."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from grader.magic import line_magic
from grader.magic.history import cells_of


def _cells(*inputs: str) -> list[str]:
    return cells_of(["", *inputs], ["", *map(TransformerManager().transform_cell, inputs)])


def test_a_cell_has_the_number_of_its_input() -> None:
    assert _cells("%load_ext grader", "x = 1", "%grade", "y = 2") == ["", "x = 1", "", "y = 2"]


def test_code_beside_the_magic_is_kept_in_its_line() -> None:
    assert _cells("%load_ext grader\nx = 1\n%grade 1") == ["\nx = 1\n"]


def test_of_a_cell_that_was_run_again_the_last_run_counts() -> None:
    assert _cells("x = 1", "x = 2", "x = 1") == ["", "x = 2", "x = 1"]


@pytest.mark.parametrize("refused", ["def f(:\n    pass\nx = 2", "return 3", "x = '\0'"])
def test_a_cell_that_the_kernel_refused_defines_nothing(refused: str) -> None:
    assert _cells("x = 1", refused) == ["x = 1", ""]


def test_ipythons_own_syntax_is_kept() -> None:
    inputs = ["!ls\nx = 1", "%%time\ny = 2", "await x", "x?"]
    assert _cells(*inputs) == inputs


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], ["--quick"]),
        (["UNet"], ["--quick", "--only", "unet"]),
        (["1", "train.learns"], ["--quick", "--only", "1", "--only", "train.learns"]),
        (["--train"], []),
        (["--map", "UNet=Mine", "unet"], ["--quick", "--map", "UNet=Mine", "--only", "unet"]),
        (["--rubric=hw_2"], ["--quick", "--rubric=hw_2"]),
    ],
)
def test_words_become_options(words: list[str], options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_magic, "_kernel_uses_gpu", lambda: False)
    assert line_magic.options_of(words) == options


@pytest.mark.parametrize(("initialised", "device"), [(True, ["--device", "cpu"]), (False, [])])
def test_a_gpu_that_the_kernel_uses_is_left_to_it(
    initialised: bool, device: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = SimpleNamespace(cuda=SimpleNamespace(is_initialized=lambda: initialised))
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert line_magic.options_of([]) == ["--quick", *device]
    assert line_magic.options_of(["--device", "cuda"]) == ["--quick", "--device", "cuda"]
