"""What is known of documents before any call: how many, how long, where each would start, and the most it can cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evaluation.statistics.predictions import Fresh

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that calls can take, and `first_tokens`: what one first call sends, estimated (characters / 4)."""

    calls: int = 0
    first_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano_usd: int = 0

    def __add__(self, other: Bound) -> Bound:
        return Bound(
            self.calls + other.calls,
            self.first_tokens + other.first_tokens,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_nano_usd + other.cost_nano_usd,
        )


@dataclass(frozen=True, slots=True)
class TierBounds:
    """The most a document can take in one tier: by its own model alone, and as the cascade calls there."""

    plain: Bound
    visit: Bound


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One document. `start` is its first tier where no judge has a say; `judge` is what asking one takes at most."""

    characters: int
    start: str
    holdout: bool
    judge: Bound | None
    tiers: Mapping[str, TierBounds]


@dataclass(slots=True)
class Survey:
    """Documents added up. Its size does not grow with their number.

    `bounds` hold, by tier, what all documents take there at most; `routed_at_most` what the whole cascade takes.
    """

    ladder: tuple[str, ...]
    documents: int = 0
    characters: int = 0
    judged: int = 0
    holdout: int = 0
    starts: dict[str, int] = field(default_factory=dict)
    judge: Bound = Bound()
    plain: dict[str, Bound] = field(default_factory=dict)
    routed_at_most: Bound = Bound()

    def add(self, document: Surveyed) -> None:
        """Add a document."""
        self.documents += 1
        self.characters += document.characters
        self.holdout += document.holdout
        self.starts[document.start] = self.starts.get(document.start, 0) + 1
        self.routed_at_most += self.bound_of(document)
        if document.judge is not None:
            self.judged += 1
            self.judge += document.judge
        for tier, bounds in document.tiers.items():
            self.plain[tier] = self.plain.get(tier, Bound()) + bounds.plain

    def bound_of(self, document: Surveyed) -> Bound:
        """Return the most a document takes on its way up the ladder, a judge and its measuring included."""
        rank = self.ladder.index(document.start)
        bound = Bound() if document.judge is None else document.judge
        for tier in self.ladder[rank:]:
            bound += document.tiers[tier].visit
        return bound

    @property
    def fresh(self) -> Fresh:
        """The documents as predictions take them."""
        return Fresh(self.documents, self.characters / self.documents if self.documents else 0.0)
