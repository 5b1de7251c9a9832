"""Generators of the notebook's own, kept as state: torch's, NumPy's."""

from __future__ import annotations

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.trees import Called, called, rewrite


def _change_noise(draft: Draft, form: str) -> bool:
    """Replace calls of ``torch.randn_like`` by a text with ``{x}``."""

    def change(node: cst.Call) -> str | None:
        call = called(node)
        if call is None or call.full != "torch.randn_like" or call.keywords:
            return None
        return form.format(x=call.positional[0])

    return rewrite(draft, cst.Call, change)


@transformation("randomness")
def own_torch_generator(draft: Draft) -> bool:
    """A ``torch.Generator`` in a global."""
    name, seed = draft.fresh("g", "rng", "generator", "GEN"), draft.rng.randrange(10**6)
    if not _change_noise(draft, f"torch.randn({{x}}.shape, generator={name}).to({{x}}.device)"):
        return False
    draft.add_first(f"{name} = torch.Generator().manual_seed({seed})")
    return True


@transformation("randomness")
def generator_with_state(draft: Draft) -> bool:
    """An object that holds a generator and draws from it."""
    name, owner = draft.fresh("noise_source", "rng", "source"), draft.fresh("NoiseSource", "Rng", "Source")
    if not _change_noise(draft, f"{name}({{x}})"):
        return False
    seed = draft.rng.randrange(10**6)
    draft.add_first(
        f"class {owner}:\n    def __init__(self, seed):\n        self.generator = torch.Generator()\n"
        "        self.generator.manual_seed(seed)\n        self.count = 0\n\n    def __call__(self, like):\n"
        "        self.count += 1\n"
        "        drawn = torch.randn(like.shape, generator=self.generator, dtype=like.dtype)\n"
        "        return drawn.to(like.device)\n\n\n"
        f"{name} = {owner}({seed})"
    )
    return True


@transformation("randomness")
def numpy_generator(draft: Draft) -> bool:
    """NumPy's generator in a global, or its old functions."""
    name, seed = draft.fresh("rng", "np_rng", "RNG"), draft.rng.randrange(10**6)
    old = draft.rng.random() < 0.4
    draw = "np.random.randn(*{x}.shape)" if old else f"{name}.standard_normal(tuple({{x}}.shape))"
    if not _change_noise(draft, f"torch.from_numpy({draw}).to({{x}})"):
        return False
    draft.add_first("import numpy as np" + ("" if old else f"\n{name} = np.random.default_rng({seed})"))
    return True


@transformation("randomness")
def noise_helper(draft: Draft) -> bool:
    """A helper function with a default argument that holds the generator."""
    name, seed = draft.fresh("draw_noise", "gauss", "sample_noise"), draft.rng.randrange(10**6)
    if not _change_noise(draft, f"{name}({{x}})"):
        return False
    draft.add_first(
        f"def {name}(like, generator=torch.Generator().manual_seed({seed})):\n"
        "    return torch.randn(like.size(), generator=generator).to(like)"
    )
    return True


@transformation("randomness")
def steps_drawn_otherwise(draft: Draft) -> bool:
    """Other ways to draw whole numbers: Python's, NumPy's, with a generator."""
    name, seed = draft.fresh("g", "rng", "steps_rng"), draft.rng.randrange(10**6)
    variant = draft.rng.randrange(4)

    def change(node: cst.Call) -> str | None:
        call = called(node)
        if call is None or call.full != "torch.randint" or len(call.positional) not in (2, 3):
            return None
        low, high, size = ("0", *call.positional) if len(call.positional) == 2 else call.positional
        return _steps(variant, name, low, high, size, call)

    if not rewrite(draft, cst.Call, change):
        return False
    first = (
        "import random",
        f"import numpy as np\n{name} = np.random.default_rng({seed})",
        f"{name} = torch.Generator().manual_seed({seed})",
        "import numpy as np",
    )
    draft.add_first(first[variant])
    return True


def _steps(variant: int, name: str, low: str, high: str, size: str, call: Called) -> str:
    where = call.keywords.get("device", "'cpu'")
    count = f"({size})[0]"
    forms = (
        f"torch.tensor([random.randrange({low}, {high}) for _ in range({count})], device={where})",
        f"torch.from_numpy({name}.integers({low}, {high}, {size})).to({where})",
        f"torch.randint({low}, {high}, {size}, generator={name}).to({where})",
        f"torch.as_tensor(np.random.randint({low}, {high}, size={size}), device={where})",
    )
    return forms[variant]
