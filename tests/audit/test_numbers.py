"""The plain interpreter computes the same numbers for the same mathematics, and others for each mistake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from corpus import CORPUS

from grader.audit.numbers.client import Numbers, NumericOracle, differences

pytestmark = pytest.mark.slow

BASE = dict(CORPUS.base)


@pytest.fixture(scope="module")
def oracle() -> Iterator[NumericOracle]:
    with NumericOracle(CORPUS.folder.parent, timeout=30) as oracle:
        yield oracle


@pytest.fixture(scope="module")
def numbers(oracle: NumericOracle) -> Numbers:
    return oracle.ask(list(BASE.values()))


def _changed(oracle: NumericOracle, numbers: Numbers, part: str, old: str, new: str) -> set[str]:
    assert BASE[part].count(old) == 1
    cells = list((BASE | {part: BASE[part].replace(old, new)}).values())
    return set(differences(numbers, oracle.ask(cells)))


def test_every_quantity_of_the_base_can_be_computed(numbers: Numbers) -> None:
    assert numbers.errors == {}
    parts = {name.partition(".")[0] for name in numbers.values}
    assert parts == {"schedule", "forward", "network", "train", "sampler"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("torch.randn_like(image)", "torch.randn(image.shape, generator=OWN)"),
        ("torch.randn_like(image)", "torch.from_numpy(NUMPY.standard_normal(image.shape)).float()"),
        ("signal * image + spread * noise", "torch.addcmul(signal * image, spread, noise)"),
    ],
)
def test_another_generator_or_function_computes_the_same_numbers(
    oracle: NumericOracle, numbers: Numbers, old: str, new: str
) -> None:
    own = "import torch, numpy\nOWN = torch.Generator().manual_seed(3)\nNUMPY = numpy.random.default_rng(4)"
    cells = [own, *(BASE | {"diffuser": BASE["diffuser"].replace(old, new)}).values()]
    assert differences(numbers, oracle.ask(cells)) == {}


@pytest.mark.parametrize(
    ("part", "old", "new", "quantities"),
    [
        ("diffuser", "1 - self.betas", "1.001 - self.betas", {"schedule", "forward", "train", "sampler"}),
        ("diffuser", "spread = (1 - kept).sqrt()", "spread = 1 - kept", {"forward", "train"}),
        ("unet", "y = self.merge2(torch.cat([y, half]", "y = self.merge2(torch.cat([half, y]", {"network"}),
        ("train", "optimizer.zero_grad()", "pass", {"train"}),
        ("train", "model.eval()", "pass", {"train"}),
        ("sampler", "shrink = 1 / torch.sqrt(alpha)", "shrink = 1 / alpha", {"sampler"}),
        ("sampler", "torch.no_grad()", "torch.enable_grad()", {"sampler"}),
    ],
)
def test_a_mistake_changes_numbers_of_its_part(
    oracle: NumericOracle, numbers: Numbers, part: str, old: str, new: str, quantities: set[str]
) -> None:
    changed = {name for name in _changed(oracle, numbers, part, old, new) if "together" not in name}
    parts = {name.partition(".")[0] for name in changed}
    assert parts == quantities - ({"train", "sampler"} if part == "diffuser" else set())


def test_a_seed_inside_repeats_its_numbers(oracle: NumericOracle, numbers: Numbers) -> None:
    new = "torch.randn(x_t.shape, generator=torch.Generator().manual_seed(1))"
    changed = _changed(oracle, numbers, "sampler", "torch.randn_like(x_t)", new)
    assert "sampler.alone" in changed


def test_a_notebook_that_hangs_or_exits_is_an_error_and_the_next_one_is_answered(
    oracle: NumericOracle, numbers: Numbers
) -> None:
    cells = list(
        (BASE | {"sampler": "def generate_samples(*args):\n    import os\n    os._exit(3)"}).values()
    )
    ended = oracle.ask(cells)
    assert ended.errors["notebook"] == "ended"
    assert "network.1" in ended.values
    assert differences(numbers, oracle.ask(list(BASE.values()))) == {}
