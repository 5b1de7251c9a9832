"""Exercise 3, the sampler: the coefficients of every reverse step, recovered and compared."""
