"""The oracle: a DDPM written to be read, after Ho et al. 2020, against which a student's parts are judged."""
