"""Faults that a loopback model server plays on purpose, decided by a seed and the request alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from routing.errors import UsageError


class Fault(StrEnum):
    """What may go wrong in place of an answer."""

    RATE_LIMITED = "429"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    TIMEOUT = "timeout"  # no answer for a long time
    GARBAGE = "garbage"  # status 200 with a page of HTML
    TRUNCATED = "truncated"  # status 200 with half an answer
    DRIP = "drip"  # status 200 and a byte a second, without end
    STALLED = "stalled"  # status 200 with half of what it promised, and then nothing
    HALF_CLOSED = "half-closed"  # the same, and then the end of what is sent, while the connection stays


@dataclass(slots=True)
class FaultPlan:
    """Which share of calls meets which fault.

    The same request meets the same fault at the same try under the same seed, so that a run can be repeated.
    """

    shares: dict[Fault, float]
    seed: int = 0
    _tries: Counter[bytes] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        if any(not 0 <= share <= 1 for share in self.shares.values()) or sum(self.shares.values()) > 1:
            raise UsageError("Shares of faults lie between 0 and 1 and add up to 1 at most.")

    def next_fault(self, request: bytes) -> Fault | None:
        """Return the fault this try of a request meets, None where it is answered."""
        if not self.shares:
            return None
        digest = hashlib.blake2b(request, digest_size=16).digest()
        self._tries[digest] += 1
        seeded = hashlib.blake2b(digest, digest_size=8, key=f"{self.seed}:{self._tries[digest]}".encode()).digest()
        drawn = int.from_bytes(seeded, "big") / 2**64
        for fault, share in self.shares.items():
            if drawn < share:
                return fault
            drawn -= share
        return None


def parse_shares(text: str) -> dict[Fault, float]:
    """Read shares such as `429=0.1,500=0.05`. Raises UsageError."""
    shares: dict[Fault, float] = {}
    for part in filter(None, text.split(",")):
        name, _, share = part.partition("=")
        try:
            shares[Fault(name.strip())] = float(share)
        except ValueError:
            known = ", ".join(Fault)
            raise UsageError(f"`{part}` is no share of a fault.", f"Write NAME=SHARE with one of {known}.") from None
    return shares
