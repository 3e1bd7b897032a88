"""What a trained classifier sees of a document: a few figures about its text, and hashed words."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
"""Grows with every change here: weights learned on other features are refused."""
WORD_BUCKETS = 4096
READ_CHARACTERS = 8_000
"""How much of a text is looked at, so that a long one costs no more than a short one."""
NUMERIC = (
    "log_characters",
    "log_lines",
    "log_mean_line",
    "digit_share",
    "upper_case_share",
    "non_ascii_share",
    "log_pages",
)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Features:
    """Figures in the order of `NUMERIC`, and word buckets with weights of length 1 in all (L2)."""

    numeric: tuple[float, ...]
    words: Mapping[int, float]


def features_of(text: str, pages: int | None) -> Features:
    """Return the features of a document. The same in every process: no hash of Python's own takes part."""
    read = text[:READ_CHARACTERS]
    size = max(1, len(read))
    lines = read.count("\n") + 1
    numeric = (
        math.log1p(len(text)),
        math.log1p(lines),
        math.log1p(len(read) / lines),
        sum(map(str.isdigit, read)) / size,
        sum(map(str.isupper, read)) / size,
        (0 if read.isascii() else sum(ord(character) > 127 for character in read)) / size,  # noqa: PLR2004 - ASCII
        math.log1p(pages or 0),
    )
    return Features(numeric, _words(read))


def _words(text: str) -> dict[int, float]:
    counts = Counter(_WORD.findall(text.lower()))
    buckets: dict[int, float] = {}
    for word, count in counts.items():
        bucket = zlib.crc32(word.encode("utf-8", "surrogatepass")) % WORD_BUCKETS
        buckets[bucket] = buckets.get(bucket, 0.0) + 1 + math.log(count)
    length = math.sqrt(sum(weight * weight for weight in buckets.values())) or 1.0
    return {bucket: weight / length for bucket, weight in buckets.items()}
