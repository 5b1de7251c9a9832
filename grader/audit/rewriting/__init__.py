"""Rewrite notebooks by random compositions of transformations that keep their meaning."""
