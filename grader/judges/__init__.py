"""Judges as processes: started afresh for one notebook, or forked from a warm process for many."""
