"""Gradescope's ``submission_metadata.yml``: who handed in each ``submission_…`` folder, and when."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path, PurePosixPath
from typing import Any

from grader.classroom.handins.platforms import OwnerGuess
from grader.classroom.handins.submitted import SubmittedFile
from grader.classroom.people.identity import Claim, Identifier
from grader.classroom.rosters.tables import decoded
from grader.classroom.timing.times import read_value

FOLDER = re.compile(r"submission_\d+")
_METADATA = "submission_metadata.yml"
_ENTRY = re.compile(r"^(?=\S)", re.MULTILINE)  # where the metadata of another submission begins
_FIELD = re.compile(r"^\s*(?:- )?:(name|sid|email|created_at):[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_NOT_PLAIN = tuple("[{]},&*!|>%@`#")  # what begins with these in YAML is no plain text
_IDENTIFIERS = {"email": "email", "sid": "sis", "id": "gradescope", "user_id": "gradescope"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submissions:
    """Owners by the path of their submission's folder, and sentences on metadata that could not be read."""

    owners: Mapping[str, OwnerGuess]
    problems: tuple[str, ...]


def read_metadata(files: Sequence[SubmittedFile], zone: tzinfo) -> Submissions:
    """Return the owners that the metadata among the files gives; ``zone`` is that of times without one."""
    owners: dict[str, OwnerGuess] = {}
    problems: list[str] = []
    for file in files:
        if file.path and file.own_name == _METADATA:
            entries, unread = _entries(file.path)
            if unread:
                problems.append(
                    f"{file.name} could not be read completely ({unread}); what could be was used."
                )
            folder = PurePosixPath(file.name).parent
            for name, entry in entries.items():
                path = str(folder / str(name))
                if guess := _submitters(entry, str(name), path, zone):
                    owners[path] = guess
    return Submissions(owners=owners, problems=tuple(problems))


def _entries(path: Path) -> tuple[dict[Any, Any], str]:
    """Return the metadata by folder, and a few words on what could not be read."""
    try:
        text = decoded(path.read_bytes())
    except OSError as error:
        return {}, str(error.strerror)
    whole, problem = _load_yaml(text)
    if whole is not None:
        return whole, problem
    entries: dict[Any, Any] = {}
    unread = []
    for block in _ENTRY.split(text):
        name = block.partition(":")[0].strip()
        if not FOLDER.fullmatch(name):
            continue
        one, _ = _load_yaml(block)
        if one is None:
            unread.append(name)
            one = {name: _fields(block)}
        entries |= one
    in_part = f"; {len(unread)} of {len(entries)} submissions in part: {', '.join(unread[:5])}"
    return entries, problem + (in_part if unread else "")


def _load_yaml(text: str) -> tuple[dict[Any, Any] | None, str]:
    """Return a mapping and the tags in it that mean nothing here, or None and the reason."""
    import yaml

    unknown: dict[str, None] = {}

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """A safe loader that reads values of Ruby's own types as plain ones."""

    def plain(loader: Any, tag: str, node: Any) -> Any:
        unknown[tag] = None
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node)

    # All but null stays text: 0012 without quotes, read as a number, would be octal and another id.
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in each if tag.endswith(":null")]
        for first, each in Loader.yaml_implicit_resolvers.items()
    }
    Loader.add_multi_constructor("", plain)
    try:
        data = yaml.load(text, Loader=Loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        return (
            None,
            f"line {mark.line + 1}: {getattr(error, 'problem', '')}" if mark else "it is no valid YAML",
        )
    if not isinstance(data, dict):
        return None, "it holds no submissions"
    tags = ", ".join(f"!{tag}" if not tag.startswith("!") else tag for tag in list(unknown)[:3])
    return data, f"values of unknown types, such as {tags}" if tags else ""


def _fields(block: str) -> dict[str, Any]:
    """Return what single lines of an entry give: submitters, and the time."""
    people: list[dict[str, str]] = []
    entry: dict[str, Any] = {":submitters": people}
    for field, value in _FIELD.findall(block):
        plain = value.strip("'\"")
        if value.startswith(_NOT_PLAIN):
            continue
        if field == "created_at":
            entry.setdefault(":created_at", plain)
        elif field == "name" or not people:
            people.append({field: plain})
        else:
            people[-1].setdefault(field, plain)
    return entry


def _submitters(entry: Any, folder: str, path: str, zone: tzinfo) -> OwnerGuess | None:
    if not isinstance(entry, Mapping):
        return None
    people = _value(entry, "submitters") or []
    listed = people if isinstance(people, list) else [people]
    members = tuple(dict.fromkeys(_claim(person) for person in listed if isinstance(person, Mapping)))
    created = _value(entry, "created_at")
    time, unread = read_value(created, zone)
    return OwnerGuess(
        members=members or (Claim(name=folder),),
        handed_in=time,
        unread_time=unread,
        group=folder if len(members) > 1 else "",
        place=path if time else "",
    )


def _claim(person: Mapping[Any, Any]) -> Claim:
    fields = {str(key).lstrip(":"): str(value).strip() for key, value in person.items() if value is not None}
    identifiers = tuple(
        Identifier(kind, fields[field]) for field, kind in _IDENTIFIERS.items() if fields.get(field)
    )
    return Claim(name=fields.get("name") or fields.get("email") or "unnamed", identifiers=identifiers)


def _value(entry: Mapping[Any, Any], field: str) -> Any:
    return entry.get(f":{field}", entry.get(field))
