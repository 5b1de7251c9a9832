"""The gate: the wanted definitions are found, and what they depend on runs."""

from grader.checks.gate import check_definitions_are_found as check_definitions_are_found
