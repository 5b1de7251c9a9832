"""The kit that students install to check themselves: a rubric's public criteria without its answers."""
