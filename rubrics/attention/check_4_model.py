"""Exercise 4, the character model: shapes, causality, and positions."""

from __future__ import annotations

from grader.checks import Evidence, Reporter, Unmet, criterion
from grader.checks.randomness import Seeded
from grader.probes.figures import heat_maps

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
def check_all_blocks_are_trained(model: Parts[Model], evidence: Evidence) -> None:
    """The weights of all blocks are among the model's parameters."""

    def expect(each: Model) -> None:
        count = {
            layers: each.student.ask("describe", each.build(num_layers=layers))["parameters"]
            for layers in (1, 3)
        }
        evidence.measure(parameters=count)
        if count[3] <= count[1]:
            raise Unmet(
                f"With three blocks your model has {count[3]} parameters, as many as with one.",
                expected="the parameters of every block",
                actual=f"{count[3]} parameters with one block and with three",
                misconception="blocks-not-registered",
            )

    model.expect(expect)
