"""The report: one self-contained HTML page and the terminal summary, from one grade."""
