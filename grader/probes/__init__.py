"""Probes: measure what submitted code computes."""
