"""Exercise 4, the character model: shapes, causality, and positions."""

from __future__ import annotations

from grader.checks import Evidence, Reporter, criterion
from grader.checks.randomness import Seeded
from grader.probes.figures import heat_maps
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError

from . import models
from .models import Model, WrongShape
from .stand_ins import Parts


@criterion("model.shape")
def check_there_are_logits_for_every_character(model: Parts[Model], seeded: Seeded) -> None:
    """The model returns logits for every position of every text, whatever its length."""
    model.expect(lambda each: models.expect_shape(each, seeded("shape")))


@criterion("model.causal")
def check_no_prediction_hears_of_later_characters(
    model: Parts[Model], seeded: Seeded, evidence: Evidence, reporter: Reporter
) -> None:
    """No prediction depends on the characters after it."""
    try:
        sizes = model.expect(lambda each: models.expect_causality(each, seeded("causal")))
    except WrongShape:
        return
    evidence.measure(influence=sizes)
    reporter.show(
        heat_maps(
            4,
            "Which character changes which prediction",
            "Rows are characters that were changed, columns are positions whose prediction changed.",
            [("your model", sizes)],
        )
    )


@criterion("model.order")
def check_order_matters(model: Parts[Model], seeded: Seeded, evidence: Evidence) -> None:
    """The order of the characters matters: positions are added to their embeddings."""
    try:
        effect = model.expect(lambda each: models.expect_order(each, seeded("order")))
    except WrongShape:
        return
    evidence.measure(effect_of_order=effect)


@criterion("model.parameters")
def check_all_blocks_are_trained(
    student: Student, model: Parts[Model], seeded: Seeded, evidence: Evidence
) -> None:
    """The weights of all blocks are among the model's parameters, and every block takes part."""
    evidence.measure(parameters=model.expect(models.expect_registered_blocks))
    try:
        models.expect_used_blocks(Model(student), seeded("blocks"))
    except (WrongShape, StudentError):
        return  # its own blocks fail, or its logits have another shape, which others report
