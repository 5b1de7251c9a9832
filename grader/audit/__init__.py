"""Audit a rubric on solutions with known grades: correct ones lose nothing, each mutant its own criterion."""
