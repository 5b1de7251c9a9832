"""The gradebook's file, and what is kept beside it."""
