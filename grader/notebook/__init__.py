"""Reading a submission as code cells: file formats, syntax, checkpoints. Nothing is executed."""
