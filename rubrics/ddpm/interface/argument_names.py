"""Find the handout's arguments among a student's parameters: by their names, or by what is done with them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from grader.extraction.candidates import last_name
from grader.notebook.parsing import parse

# Usual names for the handout's arguments. Within one signature no name stands for two of them.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "model": ("net", "network", "unet", "eps_model", "noise_model", "predictor"),
    "train_loader": (
        "trainloader",
        "train_dataloader",
        "train_dl",
        "loader",
        "dataloader",
        "data_loader",
        "train_data",
        "dataset",
        "data",
    ),
    "val_loader": (
        *(
            "valloader",
            "val_dataloader",
            "val_dl",
            "valid_loader",
            "validation_loader",
            "test_loader",
            "testloader",
        ),
        *("val_data", "validloader", "test_dataloader"),
    ),
    "optimizer": ("optim", "opt", "optimiser"),
    "criterion": ("loss_fn", "loss_function", "loss_func", "mse", "loss", "objective", "criteria"),
    "device": ("dev",),
    "num_epochs": ("epochs", "n_epochs", "nepochs", "epoch_count", "number_of_epochs", "num_epoch"),
    "diffuser": (
        "diffusion",
        "noise_diffuser",
        "noise_scheduler",
        "diff",
        "ddpm",
        "scheduler",
        "forward_process",
    ),
    "totalTrainingTimesteps": (
        *(
            "total_training_timesteps",
            "total_timesteps",
            "timesteps",
            "num_timesteps",
            "total_steps",
            "noise_steps",
        ),
        *("num_steps", "steps", "t", "n_steps", "n_timesteps", "diffusion_steps", "max_t"),
    ),
    "x_t": ("xt", "x", "x_start", "noise", "xT", "x_T", "start", "initial_noise", "noisy", "img"),
    "num_samples": (
        "n_samples",
        "nsamples",
        "n",
        "batch_size",
        "num_images",
        "samples",
        "number_of_samples",
        "count",
    ),
    "total_timesteps": (
        *("timesteps", "num_timesteps", "total_steps", "noise_steps", "num_steps", "steps", "n_steps", "t"),
        *("totaltrainingtimesteps", "n_timesteps", "diffusion_steps", "max_t"),
    ),
    "in_channels": (
        *(
            "in_ch",
            "in_c",
            "c_in",
            "ch_in",
            "inc",
            "n_in",
            "channels_in",
            "input_channels",
            "in_channel",
            "inp_channels",
        ),
        *(
            "channels",
            "n_channels",
            "num_channels",
            "image_channels",
            "img_channels",
            "nc",
            "in_chan",
            "chin",
        ),
    ),
    "out_channels": (
        *(
            "out_ch",
            "out_c",
            "c_out",
            "ch_out",
            "outc",
            "n_out",
            "channels_out",
            "output_channels",
            "out_channel",
        ),
        *("n_classes", "out_chan", "chout"),
    ),
    "start_beta": ("beta_start", "beta1", "beta_min", "min_beta", "beta_1", "startbeta", "low", "start"),
    "end_beta": ("beta_end", "beta2", "beta_max", "max_beta", "beta_t", "endbeta", "high", "end"),
    "total_steps": (
        *(
            "timesteps",
            "num_timesteps",
            "total_timesteps",
            "noise_steps",
            "num_steps",
            "steps",
            "n_steps",
            "t",
        ),
        *("n_timesteps", "diffusion_steps", "num_diffusion_steps"),
    ),
}
# Patterns of further names; parameters that the others leave are compared with them.
_STEPS = r"(time_?steps?|steps|t)$"
_PATTERNS: Mapping[str, str] = {
    "model": r"model|network|unet|net$",
    "train_loader": r"train.*(loader|data|dl|set|batches|iter)",
    "val_loader": r"(val|test|dev|eval).*(loader|data|dl|set|batches|iter)",
    "optimizer": r"^opt",
    "criterion": r"^crit|loss_?f",
    "device": r"device",
    "num_epochs": r"epochs$",
    "diffuser": r"diffus|noiser|schedule",
    "totalTrainingTimesteps": _STEPS,
    "total_timesteps": _STEPS,
    "total_steps": _STEPS,
    "num_samples": r"(num|count|how_?many).*(samples|images|imgs|pictures|pics)",
    "start_beta": r"beta.*(start|min|low|first|begin|init)|(start|min|low|first|begin|init).*beta",
    "end_beta": r"beta.*(end|max|high|last|final|stop)|(end|max|high|last|final|stop).*beta",
}
_OTHER_THINGS = re.compile(r"log|save|print|eval_every|every|warm|accum|grad|^lr|learning|_lr|plot|path|file")
LOADED = "DataLoader()"  # the use of a data set that a function builds a loader of
# What the handout's arguments are used for, in the words of ``uses_of``.
_USES: Mapping[str, frozenset[str]] = {
    "train_loader": frozenset({LOADED}),
    "model": frozenset({".eval", ".train", ".parameters", ".state_dict", ".forward"}),
    "optimizer": frozenset({".step", ".zero_grad", ".param_groups"}),
    "diffuser": frozenset(
        {".betas", ".alphas", ".alpha_bar", ".noise_diffusion", ".beta", ".alpha", ".alphas_bar"}
    ),
    "device": frozenset({"to()", "device="}),
    "start_beta": frozenset({"linspace() 1"}),
    "end_beta": frozenset({"linspace() 2"}),
    "total_steps": frozenset({"linspace() 3"}),
}
_LINSPACE = {"start": "1", "end": "2", "stop": "2", "steps": "3", "num": "3"}
_LOADERS = frozenset({"DataLoader", "random_split", "Subset"})  # what gets such a data set


def matched_names(names: Iterable[str], arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return the handout's arguments by the student's names for them, each once."""
    own_names = list(names)
    bound = {own: own for own in own_names if own in arguments}
    for find in (match, _match_pattern):
        for own in own_names:
            if own not in bound:
                left = [known for known in arguments if known not in bound.values()]
                if (known := find(own, left)) is not None:
                    bound[own] = known
    return bound


def match(own: str, arguments: Iterable[str]) -> str | None:
    """Return the handout's argument that a student's name stands for."""
    known_names = list(arguments)
    if own in known_names:
        return own
    plain = own.replace("_", "").lower()
    for known in known_names:
        if plain in {each.replace("_", "").lower() for each in (known, *SYNONYMS.get(known, ()))}:
            return known
    return None


def _match_pattern(own: str, arguments: Iterable[str]) -> str | None:
    name = own.lower()
    if _OTHER_THINGS.search(name):
        return None
    return next((each for each in arguments if each in _PATTERNS and re.search(_PATTERNS[each], name)), None)


def matched_uses(
    names: Sequence[str], arguments: Iterable[str], uses: Mapping[str, frozenset[str]]
) -> dict[str, str]:
    """Return the handout's arguments by the parameters whose uses tell what they are.

    Args:
        names: the parameters that no name tells.
        arguments: the arguments that are left.
        uses: the uses of each parameter, as ``uses_of`` returns them.
    """
    left, bound = list(arguments), dict[str, str]()
    for own in names:
        meant = [known for known in left if uses.get(own, frozenset()) & _USES.get(known, frozenset())]
        if len(meant) == 1:
            bound[own] = meant[0]
            left.remove(meant[0])
    rest = [own for own in names if own not in bound]
    if len(rest) == len(left) == 1:
        bound[rest[0]] = left[0]
    return bound


def uses_of(sources: Iterable[str], name: str) -> dict[str, frozenset[str]]:
    """Return what a function does with each of its parameters.

    Uses are ".attribute", "to()", "device=", "linspace() 1" for its first argument, and LOADED.

    Args:
        sources: the student's statements.
        name: the function's own name; "Class.method" for a method, "Class" for its constructor.
    """
    owner, _, own = name.rpartition(".")
    for source in sources:
        if own in source and (function := _find(source, owner, own)) is not None:
            uses: dict[str, set[str]] = {
                each.arg: set() for each in ast.walk(function) if isinstance(each, ast.arg)
            }
            for parameter, use in _uses_in(function):
                uses.setdefault(parameter, set()).add(use)
            return {parameter: frozenset(each) for parameter, each in uses.items()}
    return {}


def _find(source: str, owner: str, name: str) -> ast.AST | None:
    try:
        tree: ast.AST = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if owner:
        tree = next(
            (p for p in ast.walk(tree) if isinstance(p, ast.ClassDef) and p.name == owner), ast.Module([], [])
        )
    nodes = list(ast.walk(tree))
    if not owner and any(isinstance(node, ast.ClassDef) and node.name == name for node in nodes):
        return _find(source, name, "__init__")
    functions = (p for p in nodes if isinstance(p, ast.FunctionDef | ast.AsyncFunctionDef))
    return next((each for each in functions if each.name == name), None)


def _uses_in(function: ast.AST) -> Iterator[tuple[str, str]]:
    for part in ast.walk(function):
        match part:
            case ast.Attribute(value=ast.Name(id=parameter), attr=attribute):
                yield parameter, f".{attribute}"
            case ast.Call(func=func, args=args, keywords=keywords):
                if last_name(func) == "to":
                    yield from ((each.id, "to()") for each in args if isinstance(each, ast.Name))
                if last_name(func) == "linspace":
                    numbered = [(str(number), each) for number, each in enumerate(args, 1)]
                    numbered += [(_LINSPACE.get(str(each.arg), ""), each.value) for each in keywords]
                    yield from (
                        (each.id, f"linspace() {number}")
                        for number, each in numbered
                        if isinstance(each, ast.Name)
                    )
                if last_name(func) in _LOADERS:
                    of = [*args[:1], *(each.value for each in keywords if each.arg == "dataset")]
                    yield from ((each.id, LOADED) for each in of if isinstance(each, ast.Name))
                for keyword in keywords:
                    if keyword.arg == "device" and isinstance(keyword.value, ast.Name):
                        yield keyword.value.id, "device="
