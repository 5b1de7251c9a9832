"""Export of a class in the formats that other systems import."""
