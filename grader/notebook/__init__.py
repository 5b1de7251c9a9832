"""What was handed in, read as cells: formats, syntax, checkpoints. Nothing is executed."""
