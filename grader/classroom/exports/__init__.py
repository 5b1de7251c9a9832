"""The class for other systems, in the formats that their importers read."""
