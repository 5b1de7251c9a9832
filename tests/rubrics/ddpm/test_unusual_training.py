"""Other ways to train: gradients of parts of a batch, or without ``backward``, and noise that train draws."""

from __future__ import annotations

import pytest
from corpus import CORPUS
from variants import grade_cells
from warm import lost

from grader.audit.warm import WarmGrader

pytestmark = pytest.mark.slow

MISTAKES = {
    "summed over all batches": (
        "gradients_by_hand",
        ("p.grad = g\n", "p.grad = g if p.grad is None else p.grad + g\n"),
        "train.zero_grad",
    ),
    "cleared for every part": (
        "batches_in_parts",
        (
            "loss = criterion(pred, eps)\n",
            "loss = criterion(pred, eps)\n                optimizer.zero_grad()\n",
        ),
        "train.optimizer_step",
    ),
}


@pytest.mark.parametrize("name", ["gradients_by_hand", "batches_in_parts"])
def test_right_gradients_lose_nothing(warm: WarmGrader, name: str) -> None:
    cells = [source for _, source in CORPUS.right_cells(name)]
    assert not lost(grade_cells(warm, cells, "train"))


@pytest.mark.parametrize(("name", "change", "loses"), MISTAKES.values(), ids=MISTAKES)
def test_wrong_gradients_lose_one_criterion(
    warm: WarmGrader, name: str, change: tuple[str, str], loses: str
) -> None:
    cells = [source.replace(*change) for _, source in CORPUS.right_cells(name)]
    assert list(lost(grade_cells(warm, cells, "train"))) == [loses]


@pytest.mark.parametrize(
    ("name", "change", "loses", "says"),
    [
        (
            "noise_passed_in",
            ("eps = torch.randn_like(images)", "eps = torch.ones_like(images)"),
            "train.loss_target",
            "mean 1.00, standard deviation 0.00, the same in every batch",
        ),
        (
            "scheduler_clipping",
            ("                val_loss += criterion(", "            val_loss += criterion("),
            "train.returns_losses",
            "computes the loss of the last one alone",
        ),
    ],
)
def test_mistakes_of_other_styles_are_named(
    warm: WarmGrader, name: str, change: tuple[str, str], loses: str, says: str
) -> None:
    cells = [source.replace(*change) for _, source in CORPUS.right_cells(name)]
    found = lost(grade_cells(warm, cells, "train"))
    assert list(found) == [loses]
    assert says in found[loses]


def test_a_network_that_cannot_be_recorded_is_left_to_a_person(warm: WarmGrader) -> None:
    """An operator beyond the list of those that are replayed is no mistake."""
    fourier = ("return self.leave(y)", "return self.leave(torch.fft.ifft2(torch.fft.fft2(y)).real)")
    cells = [source.replace(*fourier) for _, source in CORPUS.base]
    grade = grade_cells(warm, cells, "unet")
    assert grade.provisional
    assert set(lost(grade)) == {"unet.skip_level1", "unet.skip_level2"}
    assert all("a TA has to look" in message for message in lost(grade).values())
