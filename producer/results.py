"""The rows a job gives back: one for each item that has ended, with where its answer came from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, NamedTuple

from routing.money import NanoUsd, to_usd
from storage.ended_items import ended_items
from storage.states import ItemState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from routing.json_value import JsonObject
    from storage.database import Database
    from storage.ended_items import Judgement

_NONE = "[]"
"""The failures of an answer that was accepted: most have none, and reading them would cost as much as the row."""


class ResultRow(NamedTuple):
    """One ended item. `output_json` is set where it is done, `rejected_json` where it failed with an answer.

    One that is done and `needs_review` failed checks that no tier is expected to mend. `tier` is where it ended,
    `model` gave its last judged answer, empty where there was none. `checks_failed` names each check that failed on the
    way as `tier/check/field`, in the order they were met. A tuple: jobs of millions give millions.
    """

    custom_id: str
    state: Literal["done", "failed"]
    output_json: str | None
    rejected_json: str | None
    tier: str
    model: str
    cost_nano_usd: int
    attempts: int
    checks_failed: tuple[str, ...]
    fail_reason: str
    needs_review: bool
    latency_ms: int

    @property
    def cost_usd(self) -> Decimal:
        """What all its calls cost, in dollars."""
        return to_usd(NanoUsd(self.cost_nano_usd))

    @property
    def output(self) -> JsonObject | None:
        """The accepted output, None where the item failed."""
        return _parsed(self.output_json)

    @property
    def rejected_output(self) -> JsonObject | None:
        """The best output of an item that failed, for a person to look at."""
        return _parsed(self.rejected_json)


def read_results(database: Database, job_id: int) -> Iterator[ResultRow]:
    """Yield a row for each ended item of a job, in the order of its input. Memory does not grow with the job."""
    for item, judgements in ended_items(database, job_id):
        _, custom_id, state, fail_reason, tier, attempts, cost_nano_usd, latency_ms, needs_review, output = item
        done = state == ItemState.DONE
        yield ResultRow(
            custom_id,
            "done" if done else "failed",
            output if done else None,
            None if done else output,
            tier,
            judgements[-1].model if judgements else "",
            cost_nano_usd,
            attempts,
            _checks_failed(judgements),
            fail_reason or "",
            needs_review,
            latency_ms,
        )


def _checks_failed(judgements: Sequence[Judgement]) -> tuple[str, ...]:
    failed = [judgement for judgement in judgements if judgement.failures != _NONE]
    return tuple(dict.fromkeys(name for judgement in failed for name in _names(judgement))) if failed else ()


def _names(judgement: Judgement) -> Iterator[str]:
    for failure in json.loads(judgement.failures):
        yield "/".join(part for part in (judgement.tier, failure["check"], failure["field"]) if part)


def _parsed(text: str | None) -> JsonObject | None:
    if text is None:
        return None
    value: JsonObject = json.loads(text)
    return value
