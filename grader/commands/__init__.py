"""What ``grade`` can do: a module for each subcommand, whose ``main(argv)`` returns the exit code."""

GRADED, NOT_GRADED, MISUSE = 0, 1, 2

# By name, what each is for; `grade PATH…` without a subcommand is `grader.commands.grade`.
SUBCOMMANDS: dict[str, str] = {
    "show": "one student: grade, reasons, history",
    "list": "the class, or who lost a criterion",
    "adjust": "a person's word on a grade, with a reason",
    "export": "the class for Canvas, Moodle, Gradescope, nbgrader, CSV, JSON, JUnit",
    "audit": "tries a rubric on solutions with a known grade",
    "inspect": "NOTEBOOK: what was found in it, and how its functions are called",
    "doctor": "what this machine gives to grade with, and what to do about what is missing",
}
