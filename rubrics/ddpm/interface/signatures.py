"""Call a student's functions with the handout's arguments; see ``grader.probes.signatures``."""

from __future__ import annotations

from functools import partial

from grader.probes import signatures
from grader.probes.signatures import free_variable_places as free_variable_places
from grader.probes.signatures import raise_if_not_installed as raise_if_not_installed

from .argument_names import HANDOUT

call = partial(signatures.call, names=HANDOUT)
reply = partial(signatures.reply, names=HANDOUT)
stale_variables = partial(signatures.stale_variables, names=HANDOUT)
