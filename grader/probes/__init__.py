"""How a rubric asks code what it computes."""
