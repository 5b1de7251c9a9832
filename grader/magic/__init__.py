"""``%grade`` in a notebook: judge what the kernel has defined so far, in a process of its own.

``history`` turns what was run into cells, ``process`` is what judges them, and ``line_magic`` starts it and
shows what it says.
"""
