"""Where a new observation stands among those before it: evenly spread while nothing changes, whatever they are."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class RankedBag:
    """How many observations there were of each of `kinds` ordered kinds, by group.

    Groups are apart from each other: how often each comes may change without anything being said of what it holds.
    """

    kinds: int
    counts: dict[int, list[int]] = field(default_factory=dict)

    def share_of(self, kind: int, group: int = 0) -> tuple[float, float]:
        """Return where the next one of this kind is expected, as an interval of ranks from 0 to 1."""
        counts = self.counts.get(group) or [0] * self.kinds
        total = sum(counts) + self.kinds / 2
        below = sum(counts[:kind]) + kind / 2
        return below / total, (below + counts[kind] + 0.5) / total

    def add(self, kind: int, chance: float, group: int = 0) -> float:
        """Take an observation, and return its rank among all so far, itself included: a number from 0 to 1.

        Ties are broken by `chance`, drawn evenly from 0 to 1. Where the observations of a group may have come in any
        order, the ranks are independent and evenly spread (Vovk, Gammerman and Shafer, "Algorithmic Learning in a
        Random World", 2005, theorem 2.8 for one group and section 4.5 for several).
        """
        counts = self.counts.setdefault(group, [0] * self.kinds)
        counts[kind] += 1
        return (sum(counts[:kind]) + chance * counts[kind]) / sum(counts)
