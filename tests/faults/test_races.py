"""Processes that do the same thing at the same moment: one does it, and none ends with an error."""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

from evaluation.model_server.loading import load_engines
from storage import jobs, migrate, progress, sweeping
from storage.database import Database
from storage.jobs import JobRecord
from storage.states import JobState
from tests.faults.oracle import Findings, examine
from tests.faults.scene import is_right
from tests.faults.trial import Trial
from tests.support.engine_room import engine_room
from tests.support.ledgers import TIERS
from tests.support.loopback import Loopback, loopback
from tests.support.redis_process import RedisProcess
from tests.support.runs import Workplace, first_task

RACE = Path(__file__).with_name("race.py")


def race(place: Workplace, count: int, *arguments: str) -> list[str]:
    """Run a command in so many processes at once; return what each printed. All must end well."""
    folder = place.folder / "race"
    folder.mkdir()
    with place.start(str(folder), str(count), *arguments, command=(sys.executable, str(RACE))) as racing:
        out, err = racing.communicate()
    assert racing.returncode == 0, err
    told = {error.read_text() for error in folder.glob("*.err")}
    assert json.loads(out) == [0] * count, told
    return [(folder / f"{number}.out").read_text() for number in range(count)]


def test_of_many_migrators_one_does_the_work(ledger_url: str, tmp_path: Path, trial: Trial) -> None:
    """All the others find it done, and say so."""
    count = trial.size(6, 50)
    said = Counter(
        "was upgraded" in printed
        for printed in race(Workplace(tmp_path, {"DATABASE_URL": ledger_url}), count, "db", "upgrade")
    )
    with closing(Database(ledger_url)) as database:
        migrate.require_current(database)
        fault = f"migrators at once on {database.engine.dialect.name}"
    trial.report(11, fault, None, times=count, upgraded=said[True])
    assert said == {True: 1, False: count - 1}


def test_of_many_submitters_of_one_job_one_writes_it(ledger: Database, tmp_path: Path, trial: Trial) -> None:
    """They name the same job, each item is in it once, and it runs to its end as if one had submitted it."""
    processes, items = trial.size(6, 50), trial.size(40, 6_000)
    place = first_task(tmp_path)
    place.invoices(items)
    with RedisProcess(tmp_path / "redis") as redis:
        place.environment.update({"REDIS_URL": redis.url, "DATABASE_URL": _address(ledger)})
        told = [
            json.loads(printed) for printed in race(place, processes, "submit", "invoices", "invoices.jsonl", "--json")
        ]
    (job,) = jobs.listing(ledger)
    queued = [tier.queued for tier in progress.read(ledger, job.name).tiers]
    with loopback(load_engines(place.folder / "invoices" / "engines.py")) as server:
        _work_off(ledger, server, job)
        names = [f"invoice-{number}" for number in range(1, items + 1)]
        findings = examine(ledger, job.name, names, server.server.ledger.as_json(), is_right=is_right)
    fault = f"submitters of one job at once on {ledger.engine.dialect.name}"
    trial.report(11, fault, findings, times=processes, items=items)
    assert {(line["job"], line["state"]) for line in told} == {(job.name, JobState.RUNNING)}
    assert Counter(line["created"] for line in told) == {True: 1, False: processes - 1}
    assert queued == [items, 0]
    assert findings == Findings(0, 0, 0)
    assert jobs.find(ledger, job.name).state is JobState.DONE


def _address(ledger: Database) -> str:
    return ledger.engine.url.set(drivername=ledger.engine.dialect.name).render_as_string(hide_password=False)


def _work_off(ledger: Database, server: Loopback, job: JobRecord) -> None:
    with engine_room(ledger, server.deployment(), limit=50) as room:
        for tier in TIERS:
            room.pipeline.run_chunk(tier, job.id, sweeping.queued_positions(ledger, job.id, tier, 0, job.items_total))
