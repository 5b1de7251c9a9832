"""Write the file of embedded digits from scikit-learn's copy:  python -m reference.make_digits"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from reference.digits import DIGITS_FILE


def main() -> None:
    """Write images, uint8 (1797, 8, 8) from 0 to 16, and labels, uint8 (1797,), in scikit-learn's order."""
    digits = load_digits()
    DIGITS_FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        DIGITS_FILE, images=digits.images.astype(np.uint8), labels=digits.target.astype(np.uint8)
    )
    print(f"{DIGITS_FILE}: {len(digits.images)} images, {DIGITS_FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
