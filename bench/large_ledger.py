"""What the ledger is asked while jobs are large: how long each question takes, and by which plan it is answered.

Fills a ledger with three jobs of so many items each: one that has ended, with an answer and a call for each item; one
that was paused before its first item; one that runs, 200 of its items in flight. Then asks what users and workers ask,
through the program's own functions, and lets the database explain every statement they sent. Marked with `!` is a step
that reads a whole table, or a whole index, of what grows with a job. Last, the ended job's results are exported as JSON
lines with the user's own command. Documents are short here: they are not what these questions read.

    python bench/large_ledger.py [--items 100000] [--ledger postgresql] [--plans] [--no-export]
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import time
from typing import TYPE_CHECKING

from sqlalchemy import text

from bench.commands import command
from bench.stage import HERE, TASK, TIERS, Queues, stage
from producer.progress import average_pace, figures
from storage import claims, dead_workers, jobs, progress, sweeping, workers
from tests.support.plans import plans

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.stage import Stage
    from storage.database import Database

_IN_FLIGHT = 200
_REPEATS = 5
_LARGE = "items|documents|attempts|decisions"
_WHOLE = {
    "postgresql": re.compile(rf"Seq Scan on ({_LARGE})\b"),
    "sqlite": re.compile(rf"SCAN ({_LARGE})\b"),
}
_NUMBERS = {
    "postgresql": "generate_series(1, :items) AS n(number)",
    "sqlite": "(WITH RECURSIVE n(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM n WHERE number < :items)"
    " SELECT number FROM n) AS n",
}
_UID = {
    "postgresql": "gen_random_uuid()",
    "sqlite": "lower(hex(randomblob(16)))",
}

_ENDING = (
    """UPDATE items SET state = 'done', attempts = 1, cost_nano_usd = 100000, latency_ms = 200, output = :output,
       finished_ms = 1 WHERE job_id = :job""",
    """INSERT INTO attempts (uid, job_id, position, tier, model, layer, cause, outcome, started_ms, gate_wait_ms,
       limit_wait_ms, provider_ms, checks_ms, http_calls, input_tokens, output_tokens, cached_input_tokens,
       tokens_estimated, cost_nano_usd, price_source, answer, failures, spans, repaired)
       SELECT {uid}, :job, position, 'cheap', 'small', 'default', 'first_tier', 'accepted', 1, 0, 0, 200, 1, 1, 400, 40,
       0, false, 100000, 'file', output, '[]', '{{}}', false FROM items WHERE job_id = :job""",
    "UPDATE jobs SET state = 'done', items_done = items_total, finished_ms = 1 WHERE id = :job",
    "UPDATE tier_tallies SET queued = 0, attempts = :items, accepted = :items WHERE job_id = :job AND rank = 0",
)


def main() -> None:
    """Fill, ask, explain and export."""
    options = _options()
    print(f"{options.items} items a job, {options.ledger}; Python {platform.python_version()}, {os.cpu_count()} cores")
    with stage(Queues(), options.ledger, [str(HERE / "model_server.py")]) as at:
        began = time.monotonic()
        ended, _, running = (_fill(at.database, name, options.items) for name in ("ended", "paused", "running"))
        _let_stand(at.database, ended, running, options.items)
        print(f"filled in {time.monotonic() - began:.0f} s")
        for name, ask in _questions(at.database, running, options.items).items():
            _report(at.database, name, ask, with_plans=options.plans)
        _time_status(at)
        if options.export:
            _export(at, ended, options.items)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--ledger", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument("--plans", action="store_true", help="print every plan whole")
    parser.add_argument("--no-export", dest="export", action="store_false")
    return parser.parse_args()


def _fill(database: Database, name: str, items: int) -> int:
    job = jobs.create(
        database, name=name, task=TASK, content_hash=name, items_total=items, budget=None, item_budget=None
    )
    given = {"job": job.id, "items": items}
    numbers = _NUMBERS[database.engine.dialect.name]
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO items (job_id, position, custom_id, tier, available_ms)"
                f" SELECT :job, number, 'd' || number, 'cheap', 0 FROM {numbers}"
            ),
            given,
        )
        connection.execute(
            text(
                "INSERT INTO documents (job_id, position, text, metadata)"
                f" SELECT :job, number, 'Document ' || number, '{{}}' FROM {numbers}"
            ),
            given,
        )
    jobs.open_job(database, job.id, TIERS)
    return job.id


def _let_stand(database: Database, ended: int, running: int, items: int) -> None:
    """End the first job, pause the second, and put some items of the third in flight."""
    output = '{"company": "CORNER SHOP", "date": "2018-12-25", "address": "1 HIGH STREET", "total": 9.0}'
    jobs.pause(database, ended + 1)
    with database.write() as connection:
        for statement in _ENDING:
            bound = text(statement.format(uid=_UID[database.engine.dialect.name]))
            given = {"job": ended, "items": items, "output": output}
            connection.execute(bound, {name: given[name] for name in bound.compile().params})
        connection.execute(
            text(
                "UPDATE items SET claims = 1, lease_token = 'other-' || position, lease_until_ms = 99999999999999"
                " WHERE job_id = :job AND position <= :in_flight"
            ),
            {"job": running, "in_flight": _IN_FLIGHT},
        )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _questions(database: Database, running: int, items: int) -> dict[str, Callable[[], object]]:
    name, half = str(running), items // 2
    positions = list(range(half, half + 16))
    return {
        "status": lambda: figures(
            found := progress.read(database, name), average_pace(found), workers.running(database)
        ),
        "jobs": lambda: jobs.listing(database),
        "sweep: expired leases": lambda: sweeping.release_expired(database),
        "sweep: tiers that wait": lambda: sweeping.waiting_tiers(database),
        "sweep: items without a message": lambda: sweeping.claimable(database, "cheap", 2_000, 10_000),
        "sweep: what a dead worker held": lambda: dead_workers.acquit(database, "nobody", None),
        "sweep: escalations": lambda: sweeping.escalation_counts(database),
        "submit: the first page to publish": lambda: sweeping.queued_positions(database, running, "cheap", 0, 10_000),
        "submit: a page in the middle": lambda: sweeping.queued_positions(database, running, "cheap", half, 10_000),
        "submit: a batch": lambda: jobs.add_items(database, running, items, []),
        "claim": lambda: claims.claim(
            database,
            job_id=running,
            tier="cheap",
            positions=positions,
            lease_token=f"bench-{time.monotonic_ns()}",
            lease_ms=60_000,
        ),
    }


def _report(database: Database, name: str, ask: Callable[[], object], *, with_plans: bool) -> None:
    steps = plans(database, ask)
    seconds = []
    for _ in range(_REPEATS):
        began = time.monotonic()
        ask()
        seconds.append(time.monotonic() - began)
    print(f"{name:36} {statistics.median(seconds) * 1000:9.1f} ms   ({max(seconds) * 1000:.1f} at most)")
    for step in steps:
        whole = _WHOLE[database.engine.dialect.name].search(step)
        if whole or with_plans:
            print(f"  {'!' if whole else ' '} {step}")


def _time_status(at: Stage) -> None:
    used = command(["status", "running"], at.environment)
    print(f"`cheapfirst status`, its start included: {used.took_s * 1000:.0f} ms, {used.cpu_s * 1000:.0f} ms CPU")


def _export(at: Stage, ended: int, items: int) -> None:
    file = at.home / "results.jsonl"
    used = command(["results", str(ended), "-o", str(file)], at.environment)
    with file.open("rb") as lines:
        assert sum(1 for _ in lines) == items
    print(
        f"export: {items / used.took_s:.0f} rows/s, {used.cpu_s / items * 1e6:.1f} us CPU a row,"
        f" {used.resident_mb:.0f} MB resident at most"
    )


if __name__ == "__main__":
    main()
