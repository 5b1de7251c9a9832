"""Make the notebook that students are given from one that is solved, and prove that it is what it should be.

``blanks`` reads the markers of one cell, ``making`` goes through a notebook, ``leftovers`` looks for the
solution in what is handed out, and ``proof`` grades it with all blanks, with each alone, and with none.
"""
