"""Exercise 3, the samples: their distance to real digits, relative to the reference."""
