"""The handout's interface: argument names, calling conventions, and test doubles of its parts."""
