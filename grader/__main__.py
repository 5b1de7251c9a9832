"""``python -m grader`` is the command ``grade``."""

from grader.cli import run

run()
