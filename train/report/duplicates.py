"""Images that are there twice: pixel for pixel, or as the eye sees it.

A copy within a patient wastes a look; a copy in another patient leaks from training into testing;
a copy in another class is a wrong label. Mirrored and turned copies are not looked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from train.report.survey import Survey

# Bits of 256 that may differ (Hamming distance), and mean grey levels between small images, each
# about its mean: the first alone takes two round cells on black for copies, the second two pale
# ones. Copies saved as JPEG of quality 50, or at 80 % of their size, differ by up to 22 bits.
MAX_BITS = 24
MAX_GREY_LEVELS = 3.0
# (chunk x N) float32 products: 30,000 images need 60 MB at a time.
_CHUNK = 512


@dataclass(frozen=True)
class Pair:
    """Two rows of the survey that look the same."""

    first: int
    second: int
    exact: bool
    across_classes: bool
    across_patients: bool
    bits: int

    @property
    def harm(self) -> int:
        """0: within a patient; 1: leaks; 2: contradicts."""
        return 2 if self.across_classes else int(self.across_patients)


def find_duplicates(seen: Survey) -> list[Pair]:
    """Every pair of copies, the harmful first, exact before near."""
    pairs = [
        _pair(seen, int(first), int(second), int(bits))
        for first, second, bits in _near_pairs(seen.dhash, seen.grey)
    ]
    return sorted(pairs, key=lambda pair: (-pair.harm, not pair.exact, pair.bits, pair.first))


def _pair(seen: Survey, first: int, second: int, bits: int) -> Pair:
    one, other = seen.examples[first], seen.examples[second]
    return Pair(
        first,
        second,
        bool(seen.pixel_hash[first] == seen.pixel_hash[second]),
        one.label != other.label,
        one.patient != other.patient,
        bits,
    )


def _near_pairs(dhash: np.ndarray, grey: np.ndarray) -> list[tuple[int, int, int]]:
    # With bits as -1 and +1, distance = (n - product) / 2: all pairs at the speed of a product.
    signs = np.where(dhash, 1, -1).astype(np.float32)
    flat = grey.reshape(len(grey), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    found = []
    for start in range(0, len(signs), _CHUNK):
        bits = (signs.shape[1] - signs[start : start + _CHUNK] @ signs[start:].T) / 2
        first, second = np.nonzero(bits <= MAX_BITS)
        later = second > first
        first, second, close = first[later], second[later], bits[first[later], second[later]]
        for a, b, distance in zip(first + start, second + start, close, strict=True):
            if np.abs(flat[a] - flat[b]).mean() <= MAX_GREY_LEVELS:
                found.append((a, b, distance))
    return found
