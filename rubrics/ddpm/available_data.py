"""Print the data sets that this rubric can use on this machine, as JSON, for ``grade doctor``."""

from __future__ import annotations

import json

from reference import digits
from reference.mnist import cache_folder


def main() -> None:
    """Print a list of rows [name of the data set, what is available]."""
    images, _ = digits.load("digits", "train")
    print(json.dumps([["digits", f"{len(images)} embedded digits to train on"], ["mnist", _mnist()]]))


def _mnist() -> str:
    try:
        images, _ = digits.load(cache_folder(), "train")
    except digits.DataError:
        return "MNIST is not in the cache; `--data mnist` downloads it when first used"
    return f"{len(images):,} MNIST images in the cache"


if __name__ == "__main__":
    main()
