"""Collect the attempts of a class from files, folders and archives, with an account of every file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path, PurePosixPath

from grader.classroom.handins import accounting
from grader.classroom.handins.accounting import Account, Fate, FileRecord
from grader.classroom.handins.archives import ArchiveExtractor
from grader.classroom.handins.assignments import of_one_assignment
from grader.classroom.handins.likeness import holds_resources
from grader.classroom.handins.owners import find_owners
from grader.classroom.handins.platforms import OwnerGuess
from grader.classroom.handins.selection import Selector
from grader.classroom.handins.submitted import Kind, SubmittedFile, is_archive, may_be_work
from grader.classroom.handins.walk import files_in, labelled
from grader.classroom.people.attempts import attempts_in, why_not
from grader.classroom.people.identity import Claim
from grader.classroom.people.students import Attempt
from grader.classroom.timing.zones import local_zone
from grader.errors import UsageError

_EMPTY = "it holds no files, clutter aside"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedSubmissions:
    """Everything found in the given files, folders and archives.

    Attributes:
        refused: a sentence for each file of a student's that could not be graded.
        notes: a sentence for each choice among several notebooks, and for what else was not graded.
        files: the status of each file.
    """

    attempts: tuple[Attempt, ...]
    refused: tuple[str, ...]
    notes: tuple[str, ...]
    files: tuple[FileRecord, ...]


def is_class_run(paths: Sequence[str]) -> bool:
    """Return whether the paths are a class: a folder, an archive, or several notebooks."""
    path = Path(paths[0])
    return len(paths) > 1 or path.is_dir() or (is_archive(path.name) and path.is_file())


def collect(
    paths: Sequence[str],
    scratch: Path,
    wanted: Sequence[str],
    *,
    selector: Selector | None = None,
    roster: Collection[Claim] = (),
    zip_names: str | None = None,
    zone: tzinfo | None = None,
) -> CollectedSubmissions:
    """Find every attempt below ``paths``; archives are extracted into ``scratch``.

    Args:
        wanted: names of the wanted definitions.
        selector: decides which of several notebooks in one attempt is graded; by default, the definitions.
        roster: people whose names, logins and ids tell a student's folder from others.
        zip_names: encoding of names in archives that do not give it.
        zone: that of times without one; by default, this machine's.

    Raises:
        UsageError: a path does not exist, or there are no notebooks.
    """
    account = Account()
    extractor = ArchiveExtractor(scratch, account, zip_names)
    files = [file for label, path in labelled(paths) for file in files_in(path, label, extractor, account)]
    selector = selector or Selector(wanted)
    files = of_one_assignment(files, selector, account)
    owners = find_owners(files, roster, zone or local_zone())
    attempts, notes = attempts_in(files, owners.by_file, selector, account)
    for name in owners.staff:
        account.leave_out(name, "it lies beside nbgrader's folder submitted, not in it", "nbgrader")
    _account_for_rest(files, owners.by_file, attempts, account)
    _account_for_missing(owners.promised, account)
    records = account.records()
    refused = accounting.refused(records)
    if not attempts and not refused:
        verb = "contains" if len(paths) == 1 else "contain"
        raise UsageError(f"{', '.join(paths)} {verb} no notebooks (*.ipynb)")
    notes += [*owners.notes, *_on_names(extractor.guessed_names), *accounting.left_out(records)]
    return CollectedSubmissions(
        attempts=tuple(attempts), refused=tuple(refused), notes=tuple(notes), files=records
    )


def _account_for_rest(
    files: Sequence[SubmittedFile],
    owners: Mapping[str, OwnerGuess],
    attempts: Sequence[Attempt],
    account: Account,
) -> None:
    """Record the files that were neither graded, used nor refused."""
    graded = {member for attempt in attempts for member in attempt.members}
    without: dict[str, list[SubmittedFile]] = defaultdict(list)
    for file in files:
        guess = owners.get(file.name)
        if file.name in account:
            continue
        if file.kind is Kind.SIDECAR and (guess is None or graded & set(guess.members)):
            account.use(file.name, "the platform's metadata")
        elif file.kind is Kind.EMPTY and guess is None and is_archive(file.own_name):
            account.refuse(file.name, _EMPTY, f"{file.name} was not graded: {_EMPTY}.")
        elif file.kind is Kind.EMPTY and (guess is None or graded & set(guess.members)):
            account.leave_out(file.name, _EMPTY)
        elif guess is None and may_be_work(file.own_name):
            account.refuse(file.name, why_not(file), f"{file.name} was not graded: {why_not(file)}.")
        elif guess is None or graded & set(guess.members):
            whose = guess.whose if guess else ""
            if file.kind is Kind.OTHER:
                account.leave_beside(file.name, whose)
            else:
                account.leave_out(file.name, why_not(file), whose)
        elif guess.is_named_by_platform or may_be_work(file.own_name) or not holds_resources(guess.owner):
            without[guess.whose].append(file)
        else:
            account.leave_out(file.name, why_not(file), guess.whose)
    for whose, own in without.items():
        _account_for_student_without(whose, own, account)


def _account_for_missing(promised: Mapping[str, OwnerGuess], account: Account) -> None:
    """Record the folders that a platform's metadata lists and that are not there."""
    names = [PurePosixPath(record.name) for record in account.records()]
    there = {str(folder) for name in names for folder in (name, *name.parents)}
    for folder, guess in promised.items():
        if folder not in there:
            own = PurePosixPath(folder).name
            sentence = (
                f"{guess.whose} handed in {own}, says submission_metadata.yml, but there is no such folder."
            )
            account.refuse(folder, "the folder is missing", sentence)


def _account_for_student_without(whose: str, files: Sequence[SubmittedFile], account: Account) -> None:
    """Record the files of a student among which there is nothing to grade, with one sentence for all."""
    if all(file.kind is Kind.EMPTY for file in files):
        sentence = f"{whose} handed in nothing: {files[0].name} holds no files, clutter aside."
    else:
        sentence = _without_notebook(whose, [file for file in files if file.kind is not Kind.EMPTY])
    for number, file in enumerate(files):
        record = FileRecord(
            name=file.name,
            fate=Fate.NOT_GRADED,
            reason=_EMPTY if file.kind is Kind.EMPTY else why_not(file),
            student=whose,
            sentence="" if number else sentence,
            is_told=number > 0,
            needs_action=True,
        )
        account.add(record)


def _without_notebook(whose: str, files: Sequence[SubmittedFile]) -> str:
    names = ", ".join(file.own_name for file in files[:5]) + (" and others" if len(files) > 5 else "")
    packed = f" {_first_packed(files)}" if any(file.kind is Kind.PACKED for file in files) else ""
    return f"{whose} handed in no notebook, only {names}.{packed}"


def _first_packed(files: Sequence[SubmittedFile]) -> str:
    packed = next(file for file in files if file.kind is Kind.PACKED)
    return f"{packed.own_name} cannot be opened: unpack it, and grade the folder."


def _on_names(guessed: Mapping[str, str]) -> list[str]:
    """Return a note on names in archives whose encoding nothing tells."""
    if not guessed:
        return []
    archive, name = next(iter(guessed.items()))
    others = f" and {len(guessed) - 1} other archives" if len(guessed) > 1 else ""
    return [
        f"Names in {archive}{others} are in an unknown encoding; they were read as CP437, such as {name!r}. "
        "If that is wrong, name the encoding with --zip-names (gbk, shift-jis, big5, cp850, ...)."
    ]
