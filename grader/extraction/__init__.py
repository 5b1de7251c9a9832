"""Static extraction of the student's definitions from code cells. Nothing is executed."""
