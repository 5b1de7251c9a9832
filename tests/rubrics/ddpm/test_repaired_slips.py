"""A slip that stops a part is charged once; what lies behind it is judged with the slip repaired."""

from __future__ import annotations

import pytest
from variants import Changes, changed_cells, grade_cells
from warm import lost

from grader.audit.warm import WarmGrader

pytestmark = pytest.mark.slow

PARTS = ("schedule", "forward", "unet", "train", "sample")
SLIPS = {
    "a name in the schedule": (
        {"diffuser": [("self.alphas = 1 - self.betas", "self.alphas = 1 - self.beta")]},
        "schedule.alphas",
        "no attribute 'beta'. So that this costs no other criterion, betas was used in place of beta.",
    ),
    "a name in noise_diffusion": (
        {"diffuser": [("self.alpha_bar[t]", "self.alpha_bars[t]")]},
        "forward.image_coefficient",
        "alpha_bar was used in place of alpha_bars.",
    ),
    "an index beyond the end": (
        {"diffuser": [("self.alpha_bar[t]", "self.alpha_bar[t + 1]")]},
        "forward.image_coefficient",
        "[t] was used in place of [t + 1].",
    ),
    "nothing returned by noise_diffusion": (
        {"diffuser": [("        return diffused, noise", "")]},
        "forward.noise_returned",
        "Is a return statement missing? So that this costs no other criterion, noise_diffusion was taken to",
    ),
    "nothing returned by forward": (
        {"unet": [("        return self.leave(y)", "        self.leave(y)")]},
        "unet.shape_1ch",
        "forward was taken to return its last line.",
    ),
    "a name in the network": (
        {"unet": [("torch.cat([y, half]", "torch.cat([y, hlaf]")]},
        "unet.shape_1ch",
        "half was used in place of hlaf.",
    ),
    "a number of channels": (
        {"unet": [("self.merge2 = self.two_convs(64, 32)", "self.merge2 = self.two_convs(32, 32)")]},
        "unet.shape_1ch",
        "64 was used in place of 32 in line 9.",
    ),
    "a name in train": (
        {"train": [("loss.backward()", "los.backward()")]},
        "train.optimizer_step",
        "loss was used in place of los.",
    ),
    "a name of PyTorch's in train": (
        {"train": [("loss.backward()", "loss.backwards()")]},
        "train.optimizer_step",
        "backward was used in place of backwards.",
    ),
    "a batch that is not unpacked": (
        {"train": [("for images, _ in tqdm(train", "for images in tqdm(train")]},
        "train.optimizer_step",
        "images was taken to be the first part of a batch.",
    ),
    "gradients turned off in training alone": (
        {
            "train": [
                (
                    "            loss.backward()",
                    "            loss = loss.detach()\n            loss.backward()",
                )
            ]
        },
        "train.optimizer_step",
        "loss was used in place of loss.detach().",
    ),
    "a call after the last epoch": (
        {"train": [("    return train_losses", "    model.load_state_dict(None)\n    return train_losses")]},
        "train.returns_losses",
        "model.load_state_dict(…) in line 31 was left out.",
    ),
    "a range that starts at T": (
        {"sampler": [("range(total_timesteps - 1, -1, -1)", "range(total_timesteps, -1, -1)")]},
        "sample.order",
        "range(total_timesteps - 1, -1, -1) was used in place of range(total_timesteps, -1, -1).",
    ),
}


@pytest.mark.parametrize(("changes", "loses", "sentence"), SLIPS.values(), ids=SLIPS)
def test_a_slip_that_stops_a_part_costs_one_criterion(
    warm: WarmGrader, changes: dict[str, Changes], loses: str, sentence: str
) -> None:
    found = lost(grade_cells(warm, changed_cells(**changes), *PARTS))
    assert list(found) == [loses]
    assert sentence in found[loses]


def test_a_mistake_behind_a_slip_is_found(warm: WarmGrader) -> None:
    """The criterion of the slip says the slip alone; another mistake loses its own points."""
    slips = [
        ("torch.cat([y, half]", "torch.cat([y, hlaf]"),
        ("torch.cat([y, full]", "torch.cat([y, 0 * full]"),
    ]
    found = lost(grade_cells(warm, changed_cells(unet=slips), "unet"))
    assert list(found) == ["unet.shape_1ch", "unet.skip_level1"]
    assert "hlaf" not in found["unet.skip_level1"]
