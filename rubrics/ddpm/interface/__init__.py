"""The handout's interface: argument names, calling conventions, and test doubles for its parts."""
