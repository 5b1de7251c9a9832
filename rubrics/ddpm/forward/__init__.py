"""Exercise 1, the forward process: schedule and noise coefficients, recovered and compared."""
