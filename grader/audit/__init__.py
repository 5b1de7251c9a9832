"""Tries a rubric on solutions with a known grade: right ones lose nothing, each slip its own criterion."""
