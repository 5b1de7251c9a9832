"""The subcommands of ``grade``: one module each, whose ``main(argv)`` returns the exit code."""

from __future__ import annotations

from collections.abc import Mapping

GRADED, NOT_GRADED, MISUSE = 0, 1, 2

# Name and summary of each; `grade PATH…`, without a subcommand, is `grader.commands.grade`.
SUBCOMMANDS: dict[str, str] = {
    "show": "show one student's grade, the reasons and the history",
    "list": "list the class, or only students who lost points on a criterion",
    "adjust": "adjust a grade by hand, with a reason",
    "review": "open the pages on which TAs review a class, in a browser",
    "requests": "list, enter, read and answer students' requests for regrade",
    "people": "show who is who in a class, and merge, split or remove records",
    "export": "export the class for Canvas, Moodle, Gradescope, nbgrader, CSV, JSON or JUnit",
    "reproduce": "judge a student's kept notebook again, as it was judged then, and compare",
    "plan": "plan the grading of a class on several machines",
    "merge": "enter the results of several machines into a gradebook",
    "archive": "write everything of a term into one file",
    "purge": "remove everything that grading wrote about students",
    "audit": "test a rubric on solutions whose grade is known",
    "kit": "build what students install to check themselves",
    "new-rubric": "write a small rubric that grades and audits at once, to start your own from",
    "handout": "make the students' notebook from a solved one, and prove it",
    "inspect": "show which definitions were found, their dependencies, and what was skipped and why",
    "doctor": "check this machine's setup and suggest fixes",
}
SELF_CHECK_SUBCOMMANDS = {name: SUBCOMMANDS[name] for name in ("inspect", "doctor")}  # those of a kit


def epilog(subcommands: Mapping[str, str]) -> str:
    """Return the end of the help of ``grade``."""
    return "\n".join(
        [
            "subcommands (`grade NAME --help` shows the options of each):",
            *(f"  {name:<21} {purpose}" for name, purpose in subcommands.items()),
            "",
            "exit status: 0 graded, whatever the marks; 1 not graded, or provisional; 2 wrong usage",
        ]
    )
