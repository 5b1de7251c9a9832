"""The judge: its process, the pytest plugin that turns checks into verdicts, and the score."""
