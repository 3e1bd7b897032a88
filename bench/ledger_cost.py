"""CPU time of claiming and of recording a document, apart from everything else: the client's and PostgreSQL's.

Documents are claimed in chunks of 16 and recorded in groups, one in four escalated, by one thread. Of several rounds
the least is told, which other work on the machine disturbs least.

    PYTHONPATH=. python bench/ledger_cost.py [--documents 1920] [--group 30] [--rounds 6]
"""

from __future__ import annotations

import argparse
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from bench.stage import TASK, TIERS, text
from storage import claims, jobs, migrate, recording
from storage.database import Database
from storage.records import Accepted, AttemptRecord, DecisionRecord, Escalated, ItemRecord
from storage.states import AttemptOutcome
from tests.support.postgres_server import PostgresServer, find_binaries

if TYPE_CHECKING:
    from storage.claims import ClaimedItem

CHUNK = 16
OUTPUT = '{"company": "CORNER SHOP", "date": "25/12/2018", "address": "1 HIGH STREET", "total": 9.0}'
FAILURES = '[{"check": "grounding", "field": "total", "reason": "not in the text"}]'


def main() -> None:
    """Measure, and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1920)
    parser.add_argument("--group", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args()
    binaries = find_binaries()
    assert binaries is not None, "install PostgreSQL"
    with PostgresServer(binaries) as postgres:
        database = Database(postgres.url("postgres"))
        migrate.upgrade(database)
        rounds = [_round(database, postgres.pid, options, number) for number in range(options.rounds)]
        database.close()
    claim, claim_there, record, record_there = (min(values) for values in zip(*rounds, strict=True))
    print(
        f"CPU ms a document in groups of {options.group}: claim {claim:.3f} here, {claim_there:.3f} in PostgreSQL; "
        f"record {record:.3f} here, {record_there:.3f} in PostgreSQL"
    )


def _round(database: Database, postgres: int, options: argparse.Namespace, number: int) -> tuple[float, ...]:
    documents = options.documents
    job = _job(database, f"round {number}", documents)
    began = _clocks(postgres)
    items = [item for start in range(1, documents + 1, CHUNK) for item in _claimed(database, job, start)]
    claimed = _clocks(postgres)
    records = [_record(item) for item in items]
    ready = _clocks(postgres)
    for start in range(0, documents, options.group):
        recording.write(database, records[start : start + options.group])
    written = _clocks(postgres)
    spent = (claimed[0] - began[0], claimed[1] - began[1], written[0] - ready[0], written[1] - ready[1])
    return tuple(seconds * 1000 / documents for seconds in spent)


def _job(database: Database, name: str, documents: int) -> int:
    job = jobs.create(
        database, name=name, task=TASK, content_hash="x", items_total=documents, budget=None, item_budget=None
    )
    items = [jobs.NewItem(f"d{number}", "cheap", text(number, 4), "{}", None, None) for number in range(documents)]
    jobs.add_items(database, job.id, 1, items)
    jobs.open_job(database, job.id, TIERS)
    return job.id


def _claimed(database: Database, job: int, start: int) -> tuple[ClaimedItem, ...]:
    claim = claims.claim(
        database,
        job_id=job,
        tier="cheap",
        positions=range(start, start + CHUNK),
        lease_token=f"chunk-{start}",
        lease_ms=30_000,
    )
    assert claim is not None
    return claim.items


def _record(item: ClaimedItem) -> ItemRecord:
    is_hard = item.position % 4 == 0
    attempt = AttemptRecord(
        uid=uuid.uuid4(),
        tier="cheap",
        model="small",
        layer="default",
        cause="first_tier",
        outcome=AttemptOutcome.REJECTED if is_hard else AttemptOutcome.ACCEPTED,
        started_ms=time.time_ns() // 1_000_000,
        provider_ms=200,
        http_calls=1,
        input_tokens=300,
        output_tokens=30,
        cost_nano_usd=135_000,
        finish_reason="stop",
        answer=OUTPUT,
        failures=FAILURES if is_hard else "[]",
        spans='{"company": [2, 13], "date": [35, 45], "total": [980, 984]}',
    )
    return ItemRecord(
        job_id=item.job_id,
        position=item.position,
        tier="cheap",
        lease_token=item.lease_token,
        next=Escalated("expensive", "check_failed", OUTPUT, FAILURES) if is_hard else Accepted(OUTPUT),
        attempts=(attempt,),
        latency_ms=205,
        baseline_nano_usd=135_000,
        failed_checks=(("grounding", "total"),) if is_hard else (),
        decisions=tuple(_decision() for _ in range(1 + is_hard)),
        layer="default",
        cause="first_tier",
    )


def _decision() -> DecisionRecord:
    return DecisionRecord(
        uid=uuid.uuid4(), decided_ms=1, tier="cheap", model="small", layer="default", cause="first_tier", version="task"
    )


def _clocks(postgres: int) -> tuple[float, float]:
    return time.process_time(), sum(map(_cpu_s, [postgres, *_children(postgres)]))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _cpu_s(pid: int) -> float:
    """Return the time of a process, to the nanosecond where /proc tells it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    main()
