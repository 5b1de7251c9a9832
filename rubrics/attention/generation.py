"""Run a student's ``generate`` on a model whose logits the judge chooses, and record what it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grader.checks import Blocked, Unmet
from grader.probes.doubles import NetworkDouble, RecordedEvent
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError

from .interface import MAX_LENGTH_NAMES, VOCAB, call
from .training import read_tokens

PROMPT, NEW, MAX_LENGTH = 4, 9, 8  # the text outgrows what the model can read


@dataclass(slots=True)
class Generation:
    """A run of ``generate``: the prompt, the calls of the model, and what came back."""

    prompt: Tensor
    log: list[RecordedEvent] = field(default_factory=list)
    returned: Any = None
    error: StudentError | None = None

    @property
    def calls(self) -> list[RecordedEvent]:
        """The calls of the model, in order."""
        return [event for event in self.log if event.kind == "forward"]

    @property
    def tokens(self) -> list[int] | None:
        """The returned tokens; None if what was returned is no single text of the model's characters."""
        tokens = self._listed
        return tokens if tokens is not None and all(0 <= token < VOCAB for token in tokens) else None

    @property
    def _listed(self) -> list[int] | None:
        value = self.returned
        if isinstance(value, tuple) and value:
            value = value[0]
        if isinstance(value, Tensor) and value.numel() == max(value.shape, default=0):
            return [int(item) for item in value.flatten()]
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
            value = value[0]
        if isinstance(value, list) and all(isinstance(item, int) for item in value):
            return value
        return None


def run(
    student: Student,
    respond: Callable[[Tensor], Tensor],
    *,
    count: int,
    temperature: float,
    seed: int = 0,
    loss: str | None = None,
) -> Generation:
    """Run ``generate`` from a fixed prompt on a model that answers ``respond(tokens)``, (B, L, VOCAB).

    It returns its loss, too, as the student's model does.
    """
    generation = Generation(torch.tensor([2, 0, 3, 1][:PROMPT]))
    network = NetworkDouble(
        generation.log,
        lambda x, _: respond(x.long()),
        read_tokens,
        max_inputs=3 * count + 10,
        endless="the model is called endlessly, far more often than there are characters to generate",
        passes_for=["CharacterModel"],
        attributes=dict.fromkeys(MAX_LENGTH_NAMES, MAX_LENGTH),
        loss=loss,
    )
    arguments = {
        "model": network,
        "prompt": generation.prompt,
        "num_tokens": count,
        "temperature": temperature,
    }
    try:
        generation.returned = call(student, "generate", arguments, seed=seed, timeout=60.0)
    except StudentError as error:
        generation.error = error
    return generation


def successor(tokens: Tensor) -> Tensor:
    """Return the character that follows each token in the judge's greedy chain."""
    return (5 * tokens + 7) % VOCAB


def chain_logits(tokens: Tensor) -> Tensor:
    """Return logits whose largest is the successor at the last position, and another one elsewhere."""
    best = successor(tokens)
    best[:, :-1] = (best[:, :-1] + 3) % VOCAB
    return 40.0 * torch.nn.functional.one_hot(best, VOCAB) + 0.01 * torch.arange(VOCAB)


def expected_chain(prompt: Tensor, count: int) -> list[int]:
    """Return the prompt and its successors."""
    text = prompt.tolist()
    for _ in range(count):
        text.append(int(successor(torch.tensor(text[-1]))))
    return text


def expect_greedy(generation: Generation) -> None:
    """Expect the likeliest character after the last one, at temperature 0."""
    if generation.error:
        divided = any(word in str(generation.error) for word in ("inf", "nan", "ZeroDivision"))
        raise Unmet(
            f"At temperature 0 your generate fails: {generation.error}",
            expected="the likeliest character each time",
            actual="an error",
            misconception="temperature-zero-divides" if divided else None,
        )
    found, calls = new_tokens(generation), generation.calls
    for token, asked in zip(found, calls, strict=False):
        assert asked.output is not None
        last = asked.output[0]
        if token == int(last[-1].argmax()):
            continue
        if len(last) > 1 and token == int(last[0].argmax()):
            raise Unmet(
                "Your generate takes the prediction at the first position, not at the last.",
                expected="the logits after the last character",
                misconception="logits-of-first-position",
            )
        if len(last) > 1 and token == int(last[-2].argmax()):
            raise Unmet(
                "Your generate takes the prediction at the position before the last.",
                expected="the logits after the last character",
                misconception="logits-of-other-position",
            )
        raise Unmet(
            "At temperature 0 your generate does not choose the likeliest character.",
            expected=f"character {int(last[-1].argmax())}",
            actual=f"character {token}",
            misconception="greedy-not-largest",
        )


def expect_context(generation: Generation) -> None:
    """Expect the model to be asked for the whole text so far, or as much of its end as it can read."""
    if not generation.calls:
        raise Blocked(f"generate never calls the model. {generation.error or ''}".strip())
    text = generation.prompt.tolist()
    for number, asked in enumerate(generation.calls[:NEW]):
        assert asked.x is not None
        read = asked.x[0].long().tolist()
        if read != text[-MAX_LENGTH:]:
            raise _context_unmet(read, text, number)
        assert asked.output is not None
        new = new_tokens(generation, partial=True)
        if number >= len(new):
            return
        text.append(new[number])


def _context_unmet(read: list[int], text: list[int], number: int) -> Unmet:
    if len(read) > MAX_LENGTH:
        known, words = "context-not-cropped", f"{len(read)} characters, more than it can read"
    elif number and read == text[:MAX_LENGTH]:
        known, words = "context-cropped-at-end", "the beginning of the text, not its end"
    elif read == text[-1:]:
        known, words = "context-last-character", "the last character alone"
    elif number and read == text[: len(read)]:
        known, words = "context-not-fed-back", "the text without the characters generated last"
    else:
        known, words = None, "something else than the text so far"
    return Unmet(
        f"For character {number + 1} your generate asks the model about {words}.",
        expected=f"the text so far, at most its last {MAX_LENGTH} characters",
        actual=words,
        misconception=known,
    )


def expect_text(generation: Generation, count: int) -> None:
    """Expect the prompt followed by as many characters as were asked for."""
    if generation.error:
        raise Blocked(f"generate did not finish: {generation.error}")
    tokens = generation.tokens
    prompt = generation.prompt.tolist()
    if tokens is None:
        raise Unmet(
            "Your generate does not return one text as token ids.",
            expected=f"{PROMPT + count} token ids",
            actual="nothing" if generation.returned is None else type(generation.returned).__name__,
            misconception="text-not-returned",
        )
    if len(tokens) == count and tokens[:PROMPT] != prompt:
        known = "prompt-left-out"
    elif tokens[: len(prompt)] == prompt and len(tokens) != PROMPT + count:
        known = "text-of-other-length"
    elif tokens[: len(prompt)] != prompt:
        known = "prompt-left-out"
    else:
        return
    raise Unmet(
        f"Your generate returns {len(tokens)} tokens for a prompt of {PROMPT} and {count} new ones.",
        expected=f"the {PROMPT} tokens of the prompt, then {count} new ones",
        actual=f"{len(tokens)} tokens" + (", not beginning with the prompt" if "prompt" in known else ""),
        misconception=known,
    )


def expect_no_gradients(generation: Generation) -> None:
    """Expect eval mode, and no gradients."""
    if not generation.calls:
        raise Blocked(f"generate never calls the model. {generation.error or ''}".strip())
    training = any(asked.training for asked in generation.calls)
    grad = any(asked.grad for asked in generation.calls)
    if training and grad:
        raise Unmet(
            "Your generate runs the model in training mode and records gradients.",
            misconception="generates-in-training",
        )
    if training:
        raise Unmet("Your generate runs the model in training mode.", misconception="no-eval-mode")
    if grad:
        raise Unmet("Your generate records gradients.", misconception="no-no-grad")


def new_tokens(generation: Generation, *, partial: bool = False) -> list[int]:
    """Return the generated tokens, with or without the prompt before them.

    Raises:
        Blocked: there are none.
    """
    tokens, prompt = generation.tokens, generation.prompt.tolist()
    if tokens is None:
        if partial:
            return []
        raise Blocked(f"generate returned no text. {generation.error or ''}".strip())
    return tokens[len(prompt) :] if tokens[: len(prompt)] == prompt else tokens
