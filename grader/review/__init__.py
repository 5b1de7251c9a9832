"""The web application in which TAs review a class: ``grade review``."""
