"""The help of every command explains each option, in one style."""

from __future__ import annotations

import re

import pytest

from grader.cli import main
from grader.commands import SUBCOMMANDS

COMMANDS = sorted({"grade", *SUBCOMMANDS})
_EXPLAINED = re.compile(r" +(?P<name>\S.*?)  +(?P<help>\S.*)")


def _help(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("COLUMNS", "400")  # one line for each option
    with pytest.raises(SystemExit) as left:
        main([*([] if command == "grade" else [command]), "--help"])
    assert not left.value.code
    return re.sub(r"\n {10,}", "  ", capsys.readouterr().out)  # the help of a long option is on the next line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command, monkeypatch, capsys):
    """With a phrase that starts in lower case, beside a placeholder in capitals."""
    usage, *parts = _help(command, monkeypatch, capsys).split("\n\n")
    assert usage.startswith("usage: grade")
    lists = [part for part in parts if part.startswith(("positional arguments", "options"))]
    listed = [line for part in lists for line in part.splitlines()[1:] if not line.startswith("  {")]
    assert any("--help" in line for line in listed)
    for line in listed:
        option = _EXPLAINED.fullmatch(line)
        assert option, f"not explained: {line}"
        assert option["help"][0].islower() or not option["help"][0].isalpha(), line
        placeholder = re.sub(r"-\S+,? ?|\{.*\}", "", option["name"]) if option["name"][0] == "-" else ""
        assert placeholder == placeholder.upper(), line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does_in_sentences(command, monkeypatch, capsys):
    description = _help(command, monkeypatch, capsys).split("\n\n")[1]
    assert description[0].isupper()
    assert description.endswith(".")
    words = re.findall(r"[A-Za-z]+", description)
    assert sum(word.isupper() for word in words) <= len(words) / 3, "it shouts"
