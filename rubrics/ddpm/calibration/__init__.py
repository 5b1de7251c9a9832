"""Calibration: results of the reference and of known solutions over many seeds, the basis of every bound."""
