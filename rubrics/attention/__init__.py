"""The rubric of the homework "Attention from scratch": a small character model."""
