"""Where student code runs: a worker process that computes, and the judge's side of the line to it."""
