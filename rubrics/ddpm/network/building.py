"""Build a student's network: as the handout's cells do, else as the notebook does, else by its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grader.checks import Reporter
from grader.extraction.constructions import construction_name
from grader.sandbox.student import Student
from grader.sandbox.values import CURRENT_DEVICE, Handle, StudentError

from ..interface.argument_names import HANDOUT

AS_BUILT = construction_name("UNet")


def build(student: Student, channels: int, reporter: Reporter, *, out_channels: int = 1) -> Handle:
    """Build the student's UNet for images with these channels on the device in use, in eval mode.

    Raises:
        StudentError: it cannot be built.
    """
    handle = _instance(student, {"in_channels": channels, "out_channels": out_channels}, reporter)
    student.call(handle, CURRENT_DEVICE, method="to", keep=True)
    student.call(handle, method="eval", keep=True)
    return handle


def takes_out_channels(student: Student) -> bool:
    """Return whether the constructor has an argument for the number of output channels."""
    arguments = student.ask("describe", "UNet")["arguments"]
    return (
        "out_channels"
        in HANDOUT.matched_names(arguments, dict.fromkeys(("in_channels", "out_channels"))).values()
    )


def _instance(student: Student, wanted: Mapping[str, int], reporter: Reporter) -> Handle:
    """Return an instance, built with those of the wanted arguments that the constructor has.

    Nothing is passed by position into parameters of another meaning: a width or a number of steps would
    silently become 1.
    """
    about = student.ask("describe", "UNet")
    names = HANDOUT.matched_names(about["arguments"], wanted)
    known: dict[str, Any] = {own: wanted[name] for own, name in names.items()}
    unknown = [name for name in about["required"] if name not in known]
    if len(known) == len(wanted):
        return _call(student, "UNet", **known)
    missing = " and ".join(name for name in wanted if name not in names.values())
    if AS_BUILT in student.source.names:
        try:
            handle = _call(student, AS_BUILT, **known)
        except StudentError as error:
            if error.lost or unknown:
                raise
        else:
            reporter.note(f"Your UNet does not accept {missing}; it was built as in your notebook.")
            return handle
    if not known and (about["open"] or len(unknown) == len(wanted)):
        return _call(student, "UNet", *wanted.values())  # the handout's arguments, by names of its own
    reporter.note(f"Your UNet does not accept {missing}, so it was built without.")
    return _call(student, "UNet", **known)


def _call(student: Student, target: str, *args: Any, **kwargs: Any) -> Handle:
    handle: Handle = student.call(target, *args, seed=student.seed, keep=True, **kwargs)
    return handle
