"""What takes the place of other files in the students' kit; [kit] in rubric.toml says of which."""
