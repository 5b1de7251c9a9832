"""Variables that a definition reads from the notebook: named in the notes, set up, or supplied."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from ddpm_cells import DIFFUSER, IMPORTS, SAMPLE, TRAIN, UNET, extract_cells

from grader.extraction.student_source import StudentSource


@pytest.fixture
def extract(tmp_path: Path) -> partial[StudentSource]:
    return partial(extract_cells, tmp_path)


def test_free_variables_are_named_with_their_lines(extract):
    source = extract(
        IMPORTS,
        "T = 1000\nsteps = torch.randint(0, T, (32,)).tolist()",
        TRAIN.replace("[0]", "steps"),
        "trainloader = torch.load('data.pt')",
        SAMPLE.replace("range(total_timesteps)", "range(len(trainloader))"),
        UNET,
        DIFFUSER,
    )
    assert [str(one) for one in source.free_variables] == [
        "steps (cell 3, line 3; set in cell 2, line 2)",
        "trainloader (cell 5, line 2; set in cell 4, line 1)",
    ]
    assert "trainloader is set in cell 4, line 1, but that was not run" in source.undefined["trainloader"]


def test_a_device_that_is_never_defined_is_supplied(extract):
    source = extract(IMPORTS, UNET, TRAIN.replace("[0]", "[0].to(device)").replace("device, num", "num"))
    assert source.supplied == ("device",)
    assert "torch.device" in source.statements[0].source


def test_an_argument_parser_is_kept_with_its_arguments(extract):
    source = extract(
        IMPORTS + "\nimport argparse",
        "p = argparse.ArgumentParser()\np.add_argument('--T', default=50)\nargs = p.parse_args()",
        UNET.replace("return", "args.T\n        return"),
    )
    assert "p.add_argument('--T', default=50)" in [statement.source for statement in source.statements]
