"""Train and eval modes of networks, preserved while the judge probes one in the middle of a training run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from torch import nn


@contextlib.contextmanager
def preserved(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Restore the mode of these networks and all their submodules on exit.

    ``network.train(mode)`` is called first, so that a network that overrides it (to swap in averaged weights,
    for example) undoes its own change. Submodules are then set one by one, since a network may keep some of
    them in eval mode. No other student code is called: their attributes may shadow torch's methods.
    """
    before = [(network, [(part, part.training) for part in _submodules(network)]) for network in networks]
    yield
    for network, parts in before:
        mode = parts[0][1]
        if network.training != mode:
            with contextlib.suppress(Exception):
                network.train(mode)
        for part, training in parts:
            if part.training != training:
                part.training = training


def _submodules(network: nn.Module) -> list[nn.Module]:
    """Return the network and all modules inside it, each once.

    ``_modules`` is read from the instance's ``vars``, without calling the student's ``__getattr__`` or
    ``modules``. Scripted modules keep theirs elsewhere and count as one.
    """
    found = {id(network): network}
    pending = [network]
    while pending:
        for part in dict(vars(pending.pop()).get("_modules", {})).values():
            if isinstance(part, nn.Module) and id(part) not in found:
                found[id(part)] = part
                pending.append(part)
    return list(found.values())
