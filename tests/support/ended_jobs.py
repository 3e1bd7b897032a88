"""Jobs whose items have ended in each way, written with the calls workers make."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import orjson

from routing.task import FrozenTask, JsonSchema, TierSpec
from storage import jobs, recording
from storage.records import Accepted, AttemptRecord, Escalated, Failed, ItemRecord
from storage.states import AttemptOutcome, FailReason
from tests.support.ledgers import TIERS, claim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from routing.json_value import JsonValue
    from storage.database import Database
    from storage.jobs import JobRecord
    from storage.records import Next

RECEIPT = FrozenTask(
    name="receipt",
    output=JsonSchema(
        json_schema={
            "type": "object",
            "properties": {
                "company": {"type": "string"},
                "total": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                "lines": {"type": "array"},
                "tier": {"type": "string"},
            },
        }
    ),
    tiers=(
        TierSpec(name="cheap", model="small", system="", user="{{ text }}"),
        TierSpec(name="expensive", model="large", system="", user="{{ text }}"),
    ),
    compare={"company": "fuzzy:0.9", "total": "number"},
)

CHEAP_COST = 1_000_000
EXPENSIVE_COST = 10_000_000


class LedgerJob:
    """A job in the making. Each method below ends the next item in one way."""

    def __init__(
        self, database: Database, documents: Sequence[jobs.NewItem], task: FrozenTask = RECEIPT, name: str = "receipt-1"
    ) -> None:
        self._database = database
        self._positions = iter(range(1, len(documents) + 1))
        created = jobs.create(
            database,
            name=name,
            task=task,
            content_hash="content",
            items_total=len(documents),
            budget=None,
            item_budget=None,
        )
        jobs.add_items(database, created.id, 1, documents)
        jobs.open_job(database, created.id, TIERS)
        self._id = created.id

    @property
    def record(self) -> JobRecord:
        """The job as it stands."""
        return jobs.find(self._database, str(self._id))

    def accept(self, output: Mapping[str, JsonValue]) -> None:
        """The cheap tier's answer passes."""
        self._end(next(self._positions), "cheap", Accepted(_text(output)), AttemptOutcome.ACCEPTED, [])

    def escalate_and_accept(self, output: Mapping[str, JsonValue], *failures: tuple[str, str]) -> None:
        """The cheap tier's answer fails these (check, field) pairs, the expensive one's passes."""
        position = next(self._positions)
        rejected = AttemptOutcome.REJECTED
        self._end(position, "cheap", Escalated("expensive", "verdict_failed"), rejected, failures)
        self._end(position, "expensive", Accepted(_text(output)), AttemptOutcome.ACCEPTED, [])

    def fail(self, output: Mapping[str, JsonValue], *failures: tuple[str, str]) -> None:
        """Both tiers' answers fail."""
        position = next(self._positions)
        rejected = AttemptOutcome.REJECTED
        self._end(position, "cheap", Escalated("expensive", "verdict_failed"), rejected, failures)
        failed = Failed(FailReason.VERDICT, _text(output), _failures(failures))
        self._end(position, "expensive", failed, rejected, failures)

    def _end(
        self,
        position: int,
        tier: str,
        following: Next,
        outcome: AttemptOutcome,
        failures: Sequence[tuple[str, str]],
    ) -> None:
        claim(self._database, self._id, [position], tier=tier, token=f"{tier}-{position}")
        cheap = tier == "cheap"
        attempt = AttemptRecord(
            uid=uuid.uuid4(),
            tier=tier,
            model="small" if cheap else "large",
            layer="default" if cheap else "escalation",
            cause="first_tier" if cheap else "verdict_failed",
            outcome=outcome,
            started_ms=1_700_000_000_000 + position * 10 + (not cheap),
            provider_ms=5,
            http_calls=1,
            input_tokens=100,
            output_tokens=10,
            cost_nano_usd=CHEAP_COST if cheap else EXPENSIVE_COST,
            price_source="cheapfirst.yaml",
            finish_reason="stop",
            answer='{"an": "answer"}',
            failures=_failures(failures),
            spans='{"company": [0, 4]}',
        )
        record = ItemRecord(
            job_id=self._id,
            position=position,
            tier=tier,
            lease_token=f"{tier}-{position}",
            next=following,
            attempts=(attempt,),
            latency_ms=position,
            baseline_nano_usd=EXPENSIVE_COST,
            failed_checks=tuple(failures),
        )
        recording.write(self._database, [record])


def documents(*custom_ids: str, expected: Mapping[str, JsonValue] | None = None) -> list[jobs.NewItem]:
    """Return documents of these names, all with the same label."""
    label = None if expected is None else _text(expected)
    return [jobs.NewItem(custom_id, "cheap", f"text of {custom_id}", "{}", label, None) for custom_id in custom_ids]


def _text(value: Mapping[str, JsonValue]) -> str:
    return orjson.dumps(value).decode()


def _failures(failures: Sequence[tuple[str, str]]) -> str:
    return orjson.dumps(
        [{"check": check, "field": field, "reason": f"{field} is wrong"} for check, field in failures]
    ).decode()
