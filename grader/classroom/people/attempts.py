"""Form attempts from submitted files: one graded notebook for each student or group and attempt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from grader.classroom.handins.accounting import BESIDE, Account, Fate, FileRecord
from grader.classroom.handins.platforms import OwnerGuess
from grader.classroom.handins.selection import Selector
from grader.classroom.handins.submitted import Kind, SubmittedFile
from grader.classroom.people.identity import Claim
from grader.classroom.people.students import Attempt
from grader.files import read_handed_in

_Key = tuple[tuple[Claim, ...], int, str]
_REASONS = {
    Kind.PACKED: "archives of its format cannot be opened; unpack it, and grade the folder",
    Kind.SCRIPT: "no graded notebook imports it",
    Kind.WEIGHTS: "no graded notebook loads it",
}


def why_not(file: SubmittedFile) -> str:
    """Return why a file that was not chosen is not graded, as the end of a sentence."""
    return _REASONS.get(file.kind, BESIDE)


def attempts_in(
    files: Sequence[SubmittedFile], owners: Mapping[str, OwnerGuess], selector: Selector, account: Account
) -> tuple[list[Attempt], list[str]]:
    """Return an attempt per owner and number, and a note for each choice among several notebooks.

    The status of each notebook, and of the modules and weights that graded ones use, goes to the account.
    """
    groups: dict[_Key, list[SubmittedFile]] = defaultdict(list)
    for file in files:
        if (guess := owners.get(file.name)) and file.is_gradable:
            groups[guess.members, guess.number, guess.place].append(file)
    with_notebooks = {key[0] for key, own in groups.items() if any(_is_notebook(file) for file in own)}
    beside: dict[tuple[Claim, ...], list[SubmittedFile]] = defaultdict(list)
    for file in files:
        if (guess := owners.get(file.name)) and file.kind in (Kind.SCRIPT, Kind.WEIGHTS):
            beside[guess.members].append(file)
    attempts: list[Attempt] = []
    notes: list[str] = []
    for (members, *_), own in groups.items():
        if members in with_notebooks and not any(map(_is_notebook, own)):
            continue
        chosen = selector.choose(own, {file.name: owners[file.name].upload for file in own})
        guess = owners[chosen.name]
        attempts.append(_attempt(chosen, guess, any(owners[file.name].is_late for file in own)))
        account.add(FileRecord(name=chosen.name, fate=Fate.GRADED, student=guess.whose))
        if beside[members]:
            _account_for_used(chosen, beside[members], guess.whose, selector, account)
        others = [file for file in own if file.name not in account and _is_rival(file, chosen)]
        notes += _account_for_others(chosen, others, guess.whose, selector, account)
    return attempts, notes


def _attempt(chosen: SubmittedFile, guess: OwnerGuess, is_late: bool) -> Attempt:
    return Attempt(
        members=guess.members,
        path=chosen.path or Path(),
        label=chosen.name,
        number=guess.number,
        handed_in=guess.handed_in,
        unread_time=guess.unread_time,
        is_late=is_late,
        group=guess.group,
    )


def _account_for_used(
    chosen: SubmittedFile,
    files: Sequence[SubmittedFile],
    whose: str,
    selector: Selector,
    account: Account,
) -> None:
    """Record the modules that the graded notebook imports and the weights that it loads."""
    used = selector.modules(chosen) | {selector.work(chosen).checkpoint}
    for file in files:
        if file is not chosen and file.path in used:
            account.use(file.name, f"{chosen.own_name} uses it", whose)


def _account_for_others(
    chosen: SubmittedFile, others: Sequence[SubmittedFile], whose: str, selector: Selector, account: Account
) -> Iterator[str]:
    """Record the notebooks of an attempt that were not chosen, and yield a note on them."""
    named = []
    for file in others:
        if _same_content(file, chosen):
            account.use(file.name, f"a copy of {chosen.own_name}", whose)
            continue
        is_handout = selector.has_handout and selector.work(file).is_handout
        reason = f"{chosen.own_name} was graded" + (", and this is the handout" if is_handout else "")
        account.add(
            FileRecord(name=file.name, fate=Fate.NOT_GRADED, reason=reason, student=whose, is_told=True)
        )
        named.append(f"{file.own_name} (the handout)" if is_handout else file.own_name)
    if named:
        kind = "notebooks" if all(map(_is_notebook, (chosen, *others))) else "notebooks and scripts"
        yield f"{whose} handed in several {kind}; {chosen.name} was graded, not {', '.join(named)}."


def _is_notebook(file: SubmittedFile) -> bool:
    return file.kind is Kind.NOTEBOOK


def _is_rival(file: SubmittedFile, chosen: SubmittedFile) -> bool:
    """Return whether a file could have been graded in place of the chosen one."""
    return file is not chosen and (_is_notebook(file) or chosen.kind is Kind.SCRIPT)


def _same_content(one: SubmittedFile, two: SubmittedFile) -> bool:
    try:
        if one.path is None or two.path is None or one.path.stat().st_size != two.path.stat().st_size:
            return False
        return read_handed_in(one.path) == read_handed_in(two.path)
    except OSError:
        return False
