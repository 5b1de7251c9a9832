"""Grading a class: collecting submissions, the gradebook, batches, the class page and exports."""
