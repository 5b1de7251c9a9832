"""Times, zones, due dates and lateness."""
