"""Calls a student's functions with the handout's arguments, as far as their own signatures have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from grader.sandbox.student import Student
from grader.sandbox.values import Handle, StudentError
from grader.text import place

# What students call the handout's arguments; none is a name for two of them.
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
    "start_beta": ("beta_start", "beta1", "beta_min", "min_beta", "beta_1", "startbeta"),
    "end_beta": ("beta_end", "beta2", "beta_max", "max_beta", "beta_t", "endbeta"),
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


def call(student: Student, name: str, arguments: Mapping[str, Any], **options: Any) -> Any:
    """What ``name`` returns for the handout's ``arguments``, given in the handout's order; see ``reply``."""
    return reply(student, name, arguments, **options)["value"]


def reply(
    student: Student,
    name: str,
    arguments: Mapping[str, Any],
    *,
    beside: Mapping[str, Any] | None = None,
    if_required: Mapping[str, Any] | None = None,
    variables: Mapping[str, str] | None = None,
    seed: int | None = None,
    within: float = 30.0,
    keep: bool = False,
) -> dict[str, Any]:
    """Call a function or class of the student's, and return the whole reply.

    Arguments go by name where the signature knows the handout's names or usual ones for them: all of them
    and optional ones of its own, or fewer. Otherwise they go in the handout's order. A method of a class is
    called on an object that is built in the same way.

    Args:
        beside: arguments that only such an object's constructor may ask for, such as the schedule's.
        if_required: arguments that are given only to whoever cannot do without.
        variables: the notebook's variables that are to be set first, each to the argument of that name.
    """
    for variable, argument in (variables or {}).items():
        student.set_variable(variable, arguments[argument])
    own, _, method = student.source.names.get(name, name).partition("().")
    target: str | Handle = own if method else name
    if method:
        target = student.call(target, **_by_name(student, own, {**arguments, **(beside or {})}), keep=True)
        bound = student.get(target, method)
        about = student.ask("describe", bound)
    else:
        about = student.ask("describe", target)
    required = [_meant(own, if_required or {}) for own in about["required"]]
    arguments = {**arguments, **{known: (if_required or {})[known] for known in required if known}}
    by_name = _matched(about["arguments"], about["required"], arguments)
    in_order = () if by_name or (method and not about["arguments"]) else tuple(arguments.values())
    return student.reply(
        {"verb": "call", "method": method or None, "seed": seed, "grad": True, "keep": keep},
        target=target,
        args=in_order,
        kwargs=by_name,
        timeout=within,
    )


def raise_if_not_installed(error: StudentError | None) -> None:
    """Raise an error that is not the student's: their code uses what is not installed here."""
    if error is not None and error.type == "ModuleNotFoundError":
        raise error


def mistaken_for_arguments(student: Student, name: str, arguments: Sequence[str]) -> dict[str, str]:
    """Variables of the notebook that a function reads in the place of its arguments, with those arguments."""
    read = [one["name"] for one in student.source.free_variables if one["function"] == name]
    meant = {variable: _meant(variable, dict.fromkeys(arguments)) for variable in read}
    return {variable: argument for variable, argument in meant.items() if argument}


def places_read(student: Student, name: str, variables: Iterable[str] = ()) -> str:
    """The notebook's variables that a function reads, with their places; "" where there are none."""
    wanted = set(variables)
    found = [
        f"{one['name']} ({place(one['cell'], one['line'])})"
        for one in student.source.free_variables
        if one["function"] == name and (not wanted or one["name"] in wanted)
    ]
    return " and ".join(found)


def _by_name(student: Student, target: str, arguments: dict[str, Any]) -> dict[str, Any]:
    about = student.ask("describe", target)
    return {
        own: arguments[known] for own in about["arguments"] if (known := _meant(own, arguments)) is not None
    }


def _matched(names: Sequence[str], required: Sequence[str], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by the student's own names for them; none where those do not tell."""
    exact = set(names) & set(arguments)
    meant = {own: own for own in names if own in exact}
    for own in names:
        known = _meant(own, arguments)
        if own not in exact and known is not None and known not in meant.values():
            meant[own] = known
    if not set(required) <= set(meant):
        return {}
    return {own: arguments[known] for own, known in meant.items()}


def _meant(own: str, arguments: Mapping[str, Any]) -> str | None:
    """Which of the handout's arguments a student's argument is, going by its name."""
    if own in arguments:
        return own
    plain = own.replace("_", "").lower()
    for known in arguments:
        if plain in {each.replace("_", "").lower() for each in (known, *SYNONYMS.get(known, ()))}:
            return known
    return None
