"""Random slips in correct solutions: each that changes what a part computes must cost it a criterion."""
