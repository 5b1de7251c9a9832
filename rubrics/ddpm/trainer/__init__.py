"""Exercise 2, the training loop: a recorded run of train on test doubles."""
