"""The cells of a kernel's history, and the words behind ``%grade``."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from grader.magic import line_magic
from grader.magic.history import cells_of


def test_a_cell_has_the_number_of_its_input() -> None:
    assert cells_of(["", "%load_ext grader", "x = 1", "%grade", "y = 2"]) == ["", "x = 1", "", "y = 2"]


def test_of_a_cell_that_was_run_again_the_last_run_counts() -> None:
    assert cells_of(["", "x = 1", "x = 2", "x = 1"]) == ["", "x = 2", "x = 1"]


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
