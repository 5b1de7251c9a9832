"""Without the reference's sampler, a network is judged as it is with it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from grader.checks import Blocked
from rubrics.ddpm.sample_quality import quality


def _outcome(error: float) -> Any:
    trained = SimpleNamespace(is_own=True, predict=None)
    return SimpleNamespace(error=error, bound=0.2, reference_error=0.07, trained=trained)


def test_a_network_needs_no_samples_to_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = Mock()
    whole = quality.judge_network(generator, _outcome(0.1))
    monkeypatch.setattr(quality, "HAS_SAMPLER", False)
    generator.reset_mock()
    own = quality.judge_network(generator, _outcome(0.1))
    assert generator.mock_calls == []
    assert (own.value, own.bound, own.review_bound) == (whole.value, whole.bound, whole.review_bound)
    assert [label for label, _ in own.rows] == ["all of the reference"]
    with pytest.raises(Blocked):
        quality.judge_network(generator, _outcome(0.3))
