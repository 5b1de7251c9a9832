"""Mutation of source code: single small edits, such as a wrong operator, index, constant or variable."""
