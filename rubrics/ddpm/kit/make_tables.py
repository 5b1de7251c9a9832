"""Write the curves of the schedules that a kit asks with, from the reference, for ``kit/diffuser.py``."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reference.diffuser import NoiseDiffuser
from reference.schedule import SCHEDULE, ScheduleArguments
from rubrics.ddpm.edition import draw_schedule
from rubrics.ddpm.forward.schedule import PROBE
from rubrics.ddpm.kit.diffuser import table_key
from rubrics.ddpm.trainer.setup import SCHEDULE as TRAINER_PROBE

_SEED = 7  # a kit built twice is the same
_OTHERS = (98, 40)  # the most steps of other schedules, as the checks draw them
_EACH = 8


def main() -> None:
    """Write the table, and the list of schedules to draw from, into the folder on the command line."""
    folder = Path(sys.argv[1])
    generator = torch.Generator().manual_seed(_SEED)
    others = [draw_schedule(generator, most) for most in _OTHERS for _ in range(_EACH)]
    every = (PROBE, TRAINER_PROBE, SCHEDULE, *others)
    _write(folder / "rubrics" / "ddpm" / "schedules.json", json.dumps(others).encode())
    curves: dict[str, Any] = {table_key(**one): _curves(one) for one in every}
    table = io.BytesIO()
    np.savez(table, **curves)
    _write(folder / "reference" / "data" / "schedules.npz", table.getvalue())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _curves(schedule: ScheduleArguments) -> np.ndarray[Any, Any]:
    """Return betas, alphas and alpha_bar of the reference, float32 (3, T)."""
    diffuser = NoiseDiffuser(**schedule)
    return torch.stack([diffuser.betas, diffuser.alphas, diffuser.alpha_bar]).numpy()


if __name__ == "__main__":
    main()
