"""A class of students: what they handed in, the gradebook, the batch, the class page and the exports."""
