"""What ``grade`` can do: a module for each subcommand, whose ``main(argv)`` returns the exit code."""

GRADED, NOT_GRADED, MISUSE = 0, 1, 2

# By name, what each is for; `grade PATH…` without a subcommand is `grader.commands.grade`.
SUBCOMMANDS: dict[str, str] = {
    "inspect": "NOTEBOOK: what was found in it, and how its functions are called",
}
