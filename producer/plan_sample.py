"""Which documents a paid sample is made of: the same of the same inputs, and of each length as many as its share."""

from __future__ import annotations

import heapq
import math

from routing.rollout import share_point

_SALT = "plan"


class SampleDraw:
    """Draws `size` documents while they pass by. What it keeps does not grow with their number.

    Lengths are parted where they double; each part gives its share of the sample (largest remainders), by a stable hash
    of the names.
    """

    def __init__(self, size: int, task: str) -> None:
        self._size = size
        self._task = task
        self._counts: dict[int, int] = {}
        self._kept: dict[int, list[tuple[float, str, int]]] = {}

    def offer(self, custom_id: str, characters: int, at_most_nano_usd: int) -> None:
        """Let a document pass by, with the most that sampling it can cost."""
        part = characters.bit_length()
        self._counts[part] = self._counts.get(part, 0) + 1
        if not self._size:
            return
        kept = self._kept.setdefault(part, [])
        entry = (-share_point(self._task, custom_id, _SALT), custom_id, at_most_nano_usd)
        if len(kept) < self._size:
            heapq.heappush(kept, entry)
        elif entry > kept[0]:
            heapq.heapreplace(kept, entry)

    def drawn(self) -> dict[str, int]:
        """Return the names of the sample's documents, with the most that each can cost."""
        total = sum(self._counts.values())
        size = min(self._size, total)
        exact = {part: size * count / total for part, count in sorted(self._counts.items())}
        shares = {part: math.floor(share) for part, share in exact.items()}
        by_remainder = sorted(exact, key=lambda part: (shares[part] - exact[part], part))
        for part in by_remainder[: size - sum(shares.values())]:
            shares[part] += 1
        return {
            name: at_most
            for part, share in shares.items()
            for _, name, at_most in sorted(self._kept.get(part, ()), reverse=True)[:share]
        }
