"""Pages for staff and students, and similar code."""
