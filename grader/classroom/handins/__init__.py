"""What was handed in: files, archives, platforms' layouts, owners."""
