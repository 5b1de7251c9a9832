"""The rubrics that come with the grader, a folder each."""
