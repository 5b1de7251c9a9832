"""Exercise 2, the short training: held-out error against the reference under the same budget."""
