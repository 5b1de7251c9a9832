"""Numbers that a notebook computes in a plain interpreter, outside the grader and its sandbox."""
