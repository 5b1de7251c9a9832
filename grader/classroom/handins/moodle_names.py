"""Names in Moodle's downloads: participants without a name, and teams' names before those of members."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from grader.classroom.handins.likeness import RosterNames, shared_start
from grader.classroom.handins.platforms import OwnerGuess
from grader.classroom.handins.submitted import SubmittedFile
from grader.classroom.people.identity import Claim
from grader.files import read_handed_in

_HYPHEN = "-"
_PARTICIPANT = {  # in Moodle's languages, as file names hold it
    *("participant", "teilnehmer", "teilnehmerin", "teilnehmer in", "participante", "partecipante"),
    *("deelnemer", "deltaker", "deltager", "deltagare", "osallistuja", "uczestnik", "účastník", "参加者"),
}


def with_moodle_names(
    guesses: Mapping[str, OwnerGuess], files: Sequence[SubmittedFile], roster: RosterNames
) -> dict[str, OwnerGuess]:
    """Return the guesses with the names that Moodle's folders stand for.

    In blind marking all folders bear the same word and a number. In team submissions each member's folder
    bears the team's name and a hyphen before the member's own, and holds a copy of the team's files: the
    members then share one attempt.
    """
    claims = {guess.members[0] for guess in guesses.values() if _is_moodle(guess)}
    renamed = {
        claim: replace(claim, name=f"{claim.name} {claim.identifiers[0].value}")
        for claim in claims
        if claim.name.casefold() in _PARTICIPANT
    }
    teams = _teams(guesses, files, roster)
    found = {}
    for name, guess in guesses.items():
        claim = guess.members[0]
        if claim in teams:
            team, members = teams[claim]
            found[name] = replace(guess, members=members, group=team)
        else:
            found[name] = replace(guess, members=(renamed.get(claim, claim), *guess.members[1:]))
    return found


def _teams(
    guesses: Mapping[str, OwnerGuess], files: Sequence[SubmittedFile], roster: RosterNames
) -> dict[Claim, tuple[str, tuple[Claim, ...]]]:
    """Return the team and all its members for each folder's claim."""
    folders: dict[Claim, list[SubmittedFile]] = defaultdict(list)
    for file in files:
        guess = guesses.get(file.name)
        if guess and _is_moodle(guess):
            folders[guess.members[0]].append(file)
    if len(folders) < 2 or not all(_HYPHEN in claim.name for claim in folders):
        return {}  # Moodle writes a team before every name, also that of those in none
    same: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for claim, own in folders.items():
        same[claim.name.partition(_HYPHEN)[0], _content(own)].append(claim)
    if all(len(claims) < 2 for claims in same.values()):
        return {}
    teams: dict[Claim, tuple[str, tuple[Claim, ...]]] = {}
    for claims in same.values():
        prefix = _team_prefix([claim.name for claim in claims], roster)
        members = tuple(replace(claim, name=claim.name.removeprefix(prefix)) for claim in claims)
        for claim in claims:
            teams[claim] = (prefix.removesuffix(_HYPHEN), members)
    return teams


def _team_prefix(names: Sequence[str], roster: RosterNames) -> str:
    """Return the team's name with its hyphen: where known names begin, else up to the last shared hyphen.

    Of a single member's folder, only a roster tells where the name begins.
    """
    shared = shared_start(names)
    cuts = [shared[: at + 1] for at, letter in enumerate(shared) if letter == _HYPHEN]
    known = {cut: sum(roster.has(name.removeprefix(cut)) for name in names) for cut in cuts}
    best = max(cuts, key=lambda cut: (known[cut], len(cut)), default="")
    return best if len(names) > 1 or known.get(best) else ""


def _content(files: Sequence[SubmittedFile]) -> str:
    """Return a digest of all files of a folder, whatever their names."""
    digests = []
    for file in files:
        try:
            digests.append(
                hashlib.sha256(read_handed_in(file.path)).hexdigest() if file.path else file.own_name
            )
        except OSError:
            digests.append(file.name)
    return " ".join(sorted(digests))


def _is_moodle(guess: OwnerGuess) -> bool:
    return [identifier.kind for identifier in guess.members[0].identifiers] == ["moodle"]
