"""What ``grade`` can do: a module for each subcommand, whose ``main(argv)`` returns the exit code."""

GRADED, NOT_GRADED, MISUSE = 0, 1, 2

# By name, what each is for; `grade PATH…` without a subcommand is `grader.commands.grade`.
SUBCOMMANDS: dict[str, str] = {
    "audit": "tries a rubric on solutions with a known grade",
    "doctor": "what this machine gives to grade with, and what to do about what is missing",
}
