"""Mistakes of real notebooks lose their own points once, with a sentence that names them."""

from __future__ import annotations

import pytest
from variants import Changes, changed_cells, grade_cells
from warm import lost

from grader.audit.warm import WarmGrader

pytestmark = pytest.mark.slow

MISTAKES = {
    "a batch that cannot be noised": (
        "forward",
        {"diffuser": [(".view(-1, 1, 1, 1)", "")]},
        "forward.batched_t",
        "fails on a batch in which every image has its own step: cell 2",
    ),
    "results taken in the wrong order": (
        "train",
        {"diffuser": [("return diffused, noise", "return noise, diffused")]},
        "train.loss_target",
        "your noise_diffusion returns a tuple (noise, noisy image)",
    ),
    "frozen steps of the notebook's": (
        "train",
        {
            "setup": [("torch.manual_seed(0)", "frozen = torch.randint(0, 50, (32,)).tolist()")],
            "train": [("torch.randint(0, totalTrainingTimesteps, (len(images),)).tolist()", "frozen")],
        },
        "train.random_t",
        "sampled once, not for every batch: train reads frozen (cell 4, line 10)",
    ),
    "the notebook's T in train": (
        "train",
        {
            "setup": [("torch.manual_seed(0)", "T = 1000")],
            "train": [("(0, totalTrainingTimesteps, (len(im", "(0, T, (len(im")],
        },
        "train.random_t",
        "train reads the notebook's variable T instead of its argument totalTrainingTimesteps",
    ),
    "the notebook's loader": (
        "train",
        {
            "setup": [("torch.manual_seed(0)", "trainloader = torch.load('x')")],
            "train": [("tqdm(train_loader,", "tqdm(trainloader,")],
        },
        "train.optimizer_step",
        "train reads the notebook's variable trainloader instead of its argument train_loader",
    ),
    "the notebook's T in the sampler": (
        "sample.order",
        {"setup": [("torch.manual_seed(0)", "T = 1000")], "sampler": [("range(total_timesteps", "range(T")]},
        "sample.order",
        "reads the notebook's variable T instead of its argument total_timesteps",
    ),
    "a crash at the last step": (
        "sample",
        {"sampler": [("z = torch", "diffuser.betas[step - 1 if step else 99]; z = torch")]},
        "sample.order",
        "ended in an error after 50 calls of the network",
    ),
    "the last mean dropped": (
        "sample",
        {"sampler": [("            x_t = mean", "            if step > 0:\n                x_t = mean")]},
        "sample.order",
        "the last update is not computed",
    ),
    "steps from 1 in the diffuser alone": (
        "forward",
        {"diffuser": [("self.alpha_bar[t]", "self.alpha_bar[t - 1]")]},
        "forward.image_coefficient",
        "t is off by one",
    ),
    "the first step left clean": (
        "forward",
        {"diffuser": [("self.alpha_bar[t]", "torch.where(t > 0, self.alpha_bar[t - 1], 1.0)")]},
        "forward.image_coefficient",
        "t is off by one",
    ),
    "the noise of the last image": (
        "forward",
        {"diffuser": [("return diffused, noise", "return diffused, noise[-1]")]},
        "forward.noise_returned",
        "does not have the shape of the images",
    ),
    "sigma as the factor of the noise": (
        "sample",
        {"sampler": [("torch.sqrt(beta)", "beta / torch.sqrt(1 - alpha_bar)")]},
        "sample.noise",
        "the factor of the predicted noise",
    ),
    "a factor by precedence": (
        "sample",
        {"sampler": [("(1 - alpha) / torch.sqrt(1 - alpha_bar)", "1 - alpha / torch.sqrt(1 - alpha_bar)")]},
        "sample.formula",
        "do not follow the formula",
    ),
    "the time map for a skip": (
        "unet",
        {
            "unet": [
                ("torch.cat([y, full]", "torch.cat([y, self.time1(t)[:, :16, None, None].expand_as(full)]"),
            ]
        },
        "unet.skip_level1",
        "no skip connection at 28 x 28",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("only", "changes", "loses", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_of_real_notebooks_is_charged_once(
    warm: WarmGrader, only: str, changes: dict[str, Changes], loses: str, sentence: str
) -> None:
    """It loses one criterion, with a sentence that names it."""
    found = lost(grade_cells(warm, changed_cells(**changes), only))
    found.pop("sample.quality", None)  # of a wrong sampler; not checked without training
    assert set(found) == {loses}
    assert sentence in found[loses]


def test_a_network_that_gets_z_is_caught(warm: WarmGrader) -> None:
    """Every coefficient is right, but every image is noise."""
    slip = [("eps = model(x_t, t)", "eps = model(torch.randn_like(x_t), t)")]
    grade = grade_cells(warm, changed_cells(sampler=slip), "sample.formula")
    assert "does not follow from the step before" in lost(grade)["sample.formula"]
