"""A fixture under which a solution's code runs reproducibly in the test process."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from grader.sandbox.worker.files import PATCHED, redirect_to


@pytest.fixture(autouse=True)
def reproducible_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Fix seed and threads, make ``.cuda()`` a no-op without a GPU, and write files to a scratch folder."""
    monkeypatch.setitem(sys.modules, "tqdm.notebook", types.SimpleNamespace(tqdm=_no_bar))  # needs a browser
    monkeypatch.chdir(tmp_path)
    for module, name in PATCHED:
        monkeypatch.setattr(module, name, getattr(module, name))  # undone by monkeypatch afterwards
    redirect_to(str(tmp_path))
    if not torch.cuda.is_available():
        monkeypatch.setattr(Tensor, "cuda", lambda self, *_args, **_kwargs: self)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def _no_bar(batches: Iterable[Any], **_options: Any) -> Iterable[Any]:
    return batches
