"""Hand-ins: files, archives, platforms' layouts, owners."""
