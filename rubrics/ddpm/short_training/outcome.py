"""The result of a short training: the trained network, and how well it predicts the noise."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from reference.readings import Reading

from .image_data import Predict
from .reference_curve import ReferenceCurve


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedNetwork:
    """A network after a short training.

    Attributes:
        is_own: whether it is the student's; otherwise the reference's replaced it.
        reading: formulation of the forward process that it was trained with.
        steps: number of batches that it was trained on.
        out_of_time: whether the time limit ended the training.
        losses: losses that ``train`` returned, one per epoch, if they could be read: training, validation.
        predict: the network.
        weights: the student's weights as the bytes of a file, uint8 (N,); None if they cannot be read.
    """

    is_own: bool
    reading: Reading
    steps: int
    out_of_time: bool
    losses: list[list[float]]
    predict: Predict
    weights: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOutcome:
    """The evaluation of a short training.

    Attributes:
        trained: the network.
        error: error on held-out images, relative to the noise's variance.
        output_limited: whether all predictions have one sign or lie within ±1, unlike noise. A network that
            already lost points may have such predictions.
        is_factor: whether each prediction is x_t times a factor, which nothing has to be learned for.
        compared_steps: number of steps at which it is compared with the reference.
        reference_error: the reference's error after that number of steps.
        reference_curve: the reference's training.
        bound: error up to which the network has learned.
        review_bound: error up to which a person must decide; equal to ``bound`` or greater.
        is_relaxed: whether the bound is wider because the network already lost points for its structure.
        early_error: the smaller of the network's errors before the training and after its first batches;
            infinite where it was not evaluated there.
    """

    trained: TrainedNetwork
    error: float
    output_limited: bool
    compared_steps: int
    reference_error: float
    reference_curve: ReferenceCurve
    bound: float
    review_bound: float
    is_relaxed: bool = False
    is_factor: bool = False
    early_error: float = float("inf")

    @property
    def knew_before(self) -> bool:
        """True if the network was within the usual bound before it could have learned that."""
        return not self.is_relaxed and self.early_error <= self.bound

    @property
    def has_learned(self) -> bool:
        """True if the error is within the bound, which NaN is not, by predictions of the right kind."""
        return self.error <= self.bound and not self.output_limited and not self.is_factor
