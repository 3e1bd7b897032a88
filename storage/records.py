"""What came of a claimed item, as it is written down: calls, decisions, and what comes next.

What is made for every call and has many fields is a tuple: a frozen dataclass takes half a microsecond for each field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from routing.immutable import immutable

if TYPE_CHECKING:
    from uuid import UUID

    from storage.answer_cache import CachedAnswer
    from storage.states import AttemptOutcome, FailReason


class AttemptRecord(NamedTuple):
    """One model call, as it is written down. `failures` and `spans` are JSON texts; the rest is as in the table."""

    uid: UUID
    tier: str
    model: str
    layer: str
    cause: str
    outcome: AttemptOutcome
    started_ms: int
    gate_wait_ms: int = 0
    limit_wait_ms: int = 0
    provider_ms: int = 0
    checks_ms: int = 0
    http_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    tokens_estimated: bool = False
    cost_nano_usd: int = 0
    price_source: str = ""
    trouble: str | None = None
    finish_reason: str | None = None
    answer: str | None = None
    failures: str = "[]"
    spans: str = "{}"
    confidence: float | None = None
    repaired: bool = False
    queued_ms: int = 0
    canary: bool = False
    holdout: bool = False
    cache_hit: bool = False
    saved_nano_usd: int = 0
    answered_by: str | None = None


class DecisionRecord(NamedTuple):
    """One decision of the router, as it is written down. `signals` is a JSON text."""

    uid: UUID
    decided_ms: int
    tier: str
    model: str
    layer: str
    cause: str
    rule: str = ""
    probability: float | None = None
    threshold: float | None = None
    threshold_source: str | None = None
    version: str = ""
    canary: bool = False
    holdout: bool = False
    signals: str = "{}"


@dataclass(frozen=True, slots=True)
class FixRecord:
    """A failure of one model that was tried on the next tier's: whether it was gone there."""

    task_name: str
    model: str
    next_model: str
    check: str
    field: str
    fixed: bool


@dataclass(frozen=True, slots=True)
class CanaryOutcome:
    """Whether an item passed in a tier that has a canary, what that cost there, and which of the two models it met."""

    task_name: str
    since: int
    canary: bool
    passed: bool
    cost_nano_usd: int


@immutable
class Accepted:
    """The item is done. `output` is its JSON text.

    Where it `needs_review`, its verdict failed and no tier is expected to do better; `failures` (a JSON text) says why.
    """

    output: str
    needs_review: bool = False
    failures: str | None = None


@immutable
class Failed:
    """The item ends without an accepted output; the best one and the reasons are kept for a person (JSON texts).

    Without any of its own (`failures` is `[]`), those of the tier below stay.
    """

    reason: FailReason
    output: str | None
    failures: str


@immutable
class Routed:
    """The router sends the item to another tier's queue before any call of its own."""

    tier: str
    layer: str
    cause: str


@immutable
class Escalated:
    """The item goes to another tier's queue. `cause` says why, `carried` (a JSON text) what it takes along.

    `output` and `failures` (JSON texts) are what it has so far, should it never be answered there.
    """

    tier: str
    cause: str
    output: str | None = None
    failures: str = "[]"
    carried: str | None = None


@immutable
class HeldOut:
    """The item is accepted, and also runs on `tier` to be measured; its output stays what it is."""

    tier: str
    output: str
    carried: str | None = None


@immutable
class Measured:
    """An item that was held out has run on the last tier as well: it is done, with the output `tier` gave it."""

    tier: str


@immutable
class Released:
    """The item goes back to its own queue and is due again after `delay_ms`: nobody has judged it.

    `clean` tells that handling it was tried to the end (the provider had no answer), so that its claims start anew.
    `carried` replaces what the item takes along, where it is given.
    """

    delay_ms: int
    clean: bool
    carried: str | None = None


Next: TypeAlias = Accepted | Failed | Routed | Escalated | HeldOut | Measured | Released
# Tuples, for `isinstance`: a union would be put together anew each time.
ENDS = (Accepted, Failed, Measured)
"""After these an item is finished."""
MOVES_ON = (Routed, Escalated, HeldOut)
"""After these it waits in another tier, their `tier`."""
BRINGS_NOTHING = (Measured, Released)
"""With these comes no answer that takes the place of what the item has."""


ClaimKey: TypeAlias = tuple[int, int, str]
"""One claim of an item: its job, its position, and the lease. Of one item there may be several on their way."""


class ItemRecord(NamedTuple):
    """What came of one claim of one item.

    `decided` tells that the router has chosen the item's first tier; `layer` and `cause` say why it is where it is,
    None where that has not changed. `failed_checks` are (check, field) pairs for the tally. `baseline_nano_usd` is what
    the item would have cost on the last tier alone; it counts once the item ends.
    """

    job_id: int
    position: int
    tier: str
    lease_token: str
    next: Next
    attempts: tuple[AttemptRecord, ...]
    latency_ms: int = 0
    baseline_nano_usd: int = 0
    failed_checks: tuple[tuple[str, str], ...] = ()
    decisions: tuple[DecisionRecord, ...] = ()
    fixes: tuple[FixRecord, ...] = ()
    canary_outcome: CanaryOutcome | None = None
    to_cache: tuple[CachedAnswer, ...] = ()
    decided: bool = True
    layer: str | None = None
    cause: str | None = None

    @property
    def key(self) -> tuple[int, int]:
        """The item's job and position."""
        return self.job_id, self.position

    @property
    def claim_key(self) -> ClaimKey:
        """The claim this came of."""
        return self.job_id, self.position, self.lease_token

    @property
    def cost_nano_usd(self) -> int:
        """What this claim cost."""
        return sum([attempt.cost_nano_usd for attempt in self.attempts])
