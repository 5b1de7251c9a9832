"""Sample grades for tests of the report and the gradebook."""

from __future__ import annotations

from typing import Any

from grader.model import CriterionResult, Grade, Verdict

EXERCISES = {1: "Forward diffusion", 2: "Network and training", 3: "Sampling"}

RUBRIC = {
    "notebook.extracts": (0, 0, "The notebook can be read"),
    "schedule.betas": (1, 4, "The noise schedule is linear, from start_beta to end_beta"),
    "schedule.alphas": (1, 2, "`alphas` is 1 - `betas`"),
    "schedule.alpha_bar": (1, 4, "`alpha_bar` is the running product of `alphas`"),
    "forward.image_coefficient": (1, 5, "At step t the image is dimmed as the forward formula says"),
    "forward.noise_coefficient": (1, 5, "At step t the noise is as strong as the forward formula says"),
    "forward.noise_returned": (1, 4, "The noise that was added is returned"),
    "forward.noise_distribution": (1, 2, "The noise is drawn from a standard normal distribution"),
    "forward.batched_t": (1, 2, "Every image of a batch can have its own step"),
    "unet.shape_1ch": (2, 4, "The network returns an image of the size it was given, with one channel"),
    "unet.shape_3ch": (2, 3, "The same holds for three channels"),
    "unet.skip_level1": (2, 7, "A skip connection joins both sides at full resolution"),
    "unet.skip_level2": (2, 7, "A skip connection joins both sides at half resolution"),
    "unet.time_conditioning": (2, 4, "The step changes what the network predicts"),
    "train.loss_target": (2, 4, "The loss compares the prediction with the noise"),
    "train.optimizer_step": (2, 3, "The optimiser takes a step for every batch"),
    "train.zero_grad": (2, 2, "Gradients are cleared before every batch"),
    "train.random_t": (2, 3, "Steps are drawn uniformly over the whole schedule"),
    "train.eval_mode_no_grad": (2, 2, "Validation runs in eval mode and without gradients"),
    "train.returns_losses": (2, 1, "Training and validation losses come back"),
    "train.learns": (2, 4, "A short training learns to predict the noise"),
    "sample.formula": (3, 8, "Every step follows the reverse formula"),
    "sample.order": (3, 4, "The steps run from the last to the first"),
    "sample.noise": (3, 5, "Fresh noise is added at every step but the last"),
    "sample.no_grad_or_detach": (3, 1, "Sampling builds no graph"),
    "sample.shape": (3, 2, "As many images come back as were asked for"),
    "sample.quality": (3, 8, "The samples look like digits"),
}


def grade(**given: Any) -> Grade:
    """Return a grade with full points.

    Args:
        given: fields that differ; ``changes`` maps a criterion's id to the fields of its result that differ.
    """
    changes = given.pop("changes", {})
    values: dict[str, Any] = {
        "submission": {"name": "Noor Haddad", "path": "submissions/noor_haddad.ipynb", "sha256": "9f2c" * 16},
        "rubric": {"id": "ddpm", "digest": "41d8" * 16},
        "criteria": tuple(result(id, **changes.get(id, {})) for id in RUBRIC),
        "provisional": False,
        "environment": {
            "python": "3.11.2",
            "torch": "2.15.0",
            "device": "cpu",
            "threads": 2,
            "seed": 96,
            "isolation": ["network namespace", "seccomp filter", "memory 4 GiB", "no home folder"],
        },
        "seconds": {"total": 212.43, "student": 131.9, "training": 104.2, "sampling": 18.06},
    }
    return Grade(**{**values, **given})


def result(id: str, **given: Any) -> CriterionResult:
    """Return one criterion's result: earned, but for the fields in ``given``."""
    exercise, possible, title = RUBRIC[id]
    values: dict[str, Any] = {
        "id": id,
        "exercise": exercise,
        "title": title,
        "possible": float(possible),
        "earned": float(possible),
        "verdict": Verdict.PASS,
        "credit": 1.0,
        "message": "As it should be.",
    }
    values |= given
    if values["verdict"] is not Verdict.PASS and "earned" not in given:
        values |= {"earned": 0.0, "credit": 0.0}
    return CriterionResult(**values)


def mixed() -> Grade:
    """Return a grade with every status, accepted formulations and notes."""
    return grade(
        provisional=True,
        changes={
            "schedule.betas": {"message": "`betas` runs from 0.0001 to 0.1 in 100 equal steps."},
            "forward.image_coefficient": {
                "message": "The image's share follows the handout's own code at all 100 steps.",
                "reading": "handout code: the root is taken twice, ᾱ^¼",
            },
            "forward.noise_coefficient": {
                "verdict": Verdict.FAIL,
                "earned": 2.5,
                "credit": 0.5,
                "message": "The noise at step t is multiplied by 1 − ᾱ, while the image is multiplied by √ᾱ: "
                "the square root is missing on the noise.",
                "expected": "√(1 − ᾱ), 0.4599 at step 10",
                "actual": "1 − ᾱ, 0.2115 at step 10",
                "hint": "Variances add, standard deviations do not: for `x_t` to keep the variance 1, the "
                "squares of both factors must add up to 1. Look at eq. (4) of Ho et al. 2020.",
                "misconception": "mixture of the paper's formula and the handout's text (√ᾱ with 1 − ᾱ)",
            },
            "unet.skip_level2": {
                "verdict": Verdict.FAIL,
                "message": "Nothing joins the 14 × 14 levels: every path from the input to the output passes "
                "through 7 × 7, or stays at 28 × 28.",
                "expected": "paths whose smallest resolution is 28, 14 and 7",
                "actual": "28 and 7",
                "hint": "In `forward`, keep the output of the second down block, and concatenate it with the "
                "input of the first up block: `torch.cat([x, x2], dim=1)`.",
            },
            "train.zero_grad": {
                "verdict": Verdict.FAIL,
                "message": "The gradients of all batches add up: `optimizer.zero_grad()` is never called.",
                "expected": "zero_grad, backward, step for every batch",
                "actual": "backward, step",
                "hint": "Call `optimizer.zero_grad()` before `loss.backward()`.",
                "visibility": "hidden",
            },
            "train.returns_losses": {
                "verdict": Verdict.FAIL,
                "message": "`train` returned None.",
                "expected": "two lists with one loss for each epoch",
                "actual": "None",
            },
            "sample.formula": {
                "message": "The coefficients of all 100 steps are those of the formula.",
                "reading": "σ² = β",
            },
            "sample.noise": {
                "verdict": Verdict.BLOCKED,
                "message": "Whether noise is added could not be seen, because `sample` returned "
                "before the first step when it was given a network of ours.",
                "hint": "`sample` should use the network that it is given, not a global one.",
            },
            "sample.quality": {
                "verdict": Verdict.ERROR,
                "message": "The grader ran out of memory while it drew the samples of seed 786.",
            },
        },
        notes=(
            "Cell 3 installs packages; it was left out, since nothing may be downloaded here.",
            "`t` was given as a list, as in the handout; a tensor works as well.",
        ),
        extraction={
            "parts": [
                {"name": "NoiseDiffuser", "cell": 5, "line": 1},
                {"name": "UNet", "cell": 9, "line": 14},
                {"name": "train", "cell": 12, "line": 1},
                {"name": "sample", "cell": 15, "line": 3},
            ],
            "dropped": [
                {"cell": 3, "line": 1, "what": "!pip install torch", "why": "a shell command"},
                {
                    "cell": 13,
                    "line": 1,
                    "what": "model.load_state_dict(torch.load('w.pt'))",
                    "why": "reads a file",
                },
            ],
            "renamed": {"Unet": "UNet"},
        },
    )


def near_zero() -> Grade:
    """Return the grade of a notebook whose network and diffuser cannot be built."""
    blocked = {
        "verdict": Verdict.BLOCKED,
        "message": "There is no `UNet` to ask, since its class cannot be built.",
    }
    lost = {
        "verdict": Verdict.FAIL,
        "message": "`NoiseDiffuser(0.0001, 0.1, 100)` raised TypeError: linspace() got a string.",
        "hint": "Run the class in a fresh kernel: Kernel, Restart and run all.",
    }
    changes = {
        id: (lost if exercise == 1 else blocked) for id, (exercise, _, _) in RUBRIC.items() if exercise
    }
    changes["schedule.betas"] = {}
    return grade(changes=changes, submission={"name": "Wilhelmina Featherstonehaugh-Vandenberghe"})


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</style><style>body{display:none}</style>",
    "</title><h1>owned</h1>",
    "[click](javascript:alert(1))",
    "{{ 7 * 7 }}{% raw %}",
    "\x1b[31mred\x1b[0m\x00\x07\u202egnirts\ud800",
    "`<b>code</b>`",
    "$\\frac{1}{0}$ <g id='x'/>",
)


def hostile(text: str) -> Grade:
    """Return a grade with ``text`` in every string that can come from a student."""
    texts = {"message": text, "expected": text, "actual": text, "hint": text, "reading": text, "title": text}
    lost = {"verdict": Verdict.FAIL, "misconception": text, **texts}
    return grade(
        submission={"name": text, "path": text, "sha256": text},
        changes={"schedule.betas": lost, "forward.batched_t": texts},
        notes=(text,),
        extraction={text: [{"name": text, text: text}], "parts": {text: [text]}},
        environment={text: text},
        provisional=True,
    )
