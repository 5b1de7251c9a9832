"""Parameters in other languages are not taken for the handout's arguments by a part of their name."""

from __future__ import annotations

import pytest

from rubrics.ddpm.interface.argument_names import HANDOUT


@pytest.mark.parametrize("name", ["gerät", "point", "sortie_net", "count"])
def test_a_name_that_ends_in_t_is_no_step_count(name):
    assert HANDOUT.matched_names([name], ["totalTrainingTimesteps", "total_timesteps"]) == {}


@pytest.mark.parametrize("name", ["T", "max_t", "n_T", "noise_timesteps"])
def test_a_step_count_is_known_by_its_last_word(name):
    assert HANDOUT.matched_names([name], ["total_timesteps"]) == {name: "total_timesteps"}
