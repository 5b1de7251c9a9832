"""Call a student's functions with the handout's arguments, matched to their own signatures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from grader.sandbox.student import Student
from grader.sandbox.values import Handle, StudentError
from grader.text import place

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
    """Return the result of calling ``name``; see ``reply``."""
    return reply(student, name, arguments, **options)["value"]


def reply(
    student: Student,
    name: str,
    arguments: Mapping[str, Any],
    *,
    constructor_arguments: Mapping[str, Any] | None = None,
    if_required: Mapping[str, Any] | None = None,
    variables: Mapping[str, str] | None = None,
    seed: int | None = None,
    timeout: float = 30.0,
    keep: bool = False,
) -> dict[str, Any]:
    """Call a function or class of the student's, and return the worker's whole reply.

    Arguments are passed by name if every required parameter has one of the handout's names or a usual
    synonym, otherwise by position in the handout's order. A method is called on an object of its class, which
    is constructed in the same way.

    Args:
        student: the worker that holds the code.
        name: the handout's name of the definition.
        arguments: the handout's arguments, in its order.
        constructor_arguments: further arguments that the constructor of a method's class may have.
        if_required: arguments that are passed only to parameters without a default.
        variables: notebook variables to set first, each to the argument of that name.
        seed: seed of the call.
        timeout: time limit in seconds.
        keep: whether the worker keeps the result and returns a handle.
    """
    for variable, argument in (variables or {}).items():
        student.set_variable(variable, arguments[argument])
    own, _, method = student.source.names.get(name, name).partition("().")
    target: str | Handle = own if method else name
    if method:
        available = {**arguments, **(constructor_arguments or {})}
        target = student.call(target, **_for_constructor(student, own, available), keep=True)
        bound = student.get(target, method)
        about = student.ask("describe", bound)
    else:
        about = student.ask("describe", target)
    required = [_match(own, if_required or {}) for own in about["required"]]
    arguments = {**arguments, **{known: (if_required or {})[known] for known in required if known}}
    by_name = _bind_by_name(about["arguments"], about["required"], arguments)
    in_order = () if by_name or (method and not about["arguments"]) else tuple(arguments.values())
    return student.reply(
        {"verb": "call", "method": method or None, "seed": seed, "grad": True, "keep": keep},
        target=target,
        args=in_order,
        kwargs=by_name,
        timeout=timeout,
    )


def raise_if_not_installed(error: StudentError | None) -> None:
    """Raise an error whose cause is a missing package, which is not the student's fault."""
    if error is not None and error.type == "ModuleNotFoundError":
        raise error


def stale_variables(student: Student, name: str, arguments: Sequence[str]) -> dict[str, str]:
    """Return notebook variables that a function reads in place of its arguments, with these arguments."""
    read = [one["name"] for one in student.source.free_variables if one["function"] == name]
    matched = {variable: _match(variable, dict.fromkeys(arguments)) for variable in read}
    return {variable: argument for variable, argument in matched.items() if argument}


def free_variable_places(student: Student, name: str, variables: Iterable[str] = ()) -> str:
    """Return the notebook variables that a function reads, with their places; "" if there are none."""
    wanted = set(variables)
    found = [
        f"{one['name']} ({place(one['cell'], one['line'])})"
        for one in student.source.free_variables
        if one["function"] == name and (not wanted or one["name"] in wanted)
    ]
    return " and ".join(found)


def matched_names(names: Iterable[str], arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return the handout's arguments by the student's names for them, each once."""
    own_names = list(names)
    bound = {own: own for own in own_names if own in arguments}
    for own in own_names:
        known = _match(own, arguments)
        if own not in bound and known is not None and known not in bound.values():
            bound[own] = known
    return bound


def _for_constructor(student: Student, target: str, arguments: dict[str, Any]) -> dict[str, Any]:
    about = student.ask("describe", target)
    return {
        own: arguments[known] for own in about["arguments"] if (known := _match(own, arguments)) is not None
    }


def _bind_by_name(
    names: Sequence[str], required: Sequence[str], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments by the student's parameter names; {} if a required parameter matches none."""
    bound = matched_names(names, arguments)
    if not set(required) <= set(bound):
        return {}
    return {own: arguments[known] for own, known in bound.items()}


def _match(own: str, arguments: Mapping[str, Any]) -> str | None:
    """Return the handout's argument that a student's name stands for."""
    if own in arguments:
        return own
    plain = own.replace("_", "").lower()
    for known in arguments:
        if plain in {each.replace("_", "").lower() for each in (known, *SYNONYMS.get(known, ()))}:
            return known
    return None
