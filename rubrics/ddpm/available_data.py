"""List the data sets this rubric can use here: ``python -m rubrics.ddpm.available_data`` prints JSON rows."""

from __future__ import annotations

import json

from reference import digits
from reference.mnist import cache_folder


def main() -> None:
    """Print a list of [name of the data, what was found]."""
    images, _ = digits.load("digits", "train")
    print(json.dumps([["digits", f"{len(images)} embedded digits to train on"], ["mnist", _mnist()]]))


def _mnist() -> str:
    try:
        images, _ = digits.load(cache_folder(), "train")
    except digits.DataError:
        return "MNIST is not in the cache; `--data mnist` fetches it at its first use"
    return f"{len(images):,} images of MNIST in the cache"


if __name__ == "__main__":
    main()
