"""The student's definitions, lifted out of the cells by static analysis. Nothing is executed."""
