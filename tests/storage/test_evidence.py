"""What the rows of a job tell of its quality and its course."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.deployment import AnswerSource, ServerSpec
from storage import evidence, progress
from tests.support.ledgers import running_job
from tests.support.measured_jobs import COUNT, DIFFERING, ESCALATED, measured_job

if TYPE_CHECKING:
    from storage.database import Database

MEASURED = COUNT - ESCALATED


def test_a_measured_job_tells_its_pairs_costs_and_course(ledger: Database) -> None:
    """Both answers of each measured item with what each cost; calls that only measured count nowhere else."""
    job = measured_job(ledger)
    pairs = evidence.held_pairs(ledger, job.id)
    assert len(pairs) == MEASURED
    assert sum(pair.output != pairs[-1].output for pair in pairs) == DIFFERING
    assert len({pair.answer for pair in pairs}) == 1
    assert all(pair.cost_nano_usd > 0 < pair.last_cost_nano_usd for pair in pairs)

    spent = evidence.spent(ledger, job.id, "expensive")
    assert spent.measuring_nano_usd == sum(pair.last_cost_nano_usd for pair in pairs)
    assert spent.last_tier_nano_usd > 0
    cheap = job.cost_nano_usd - spent.measuring_nano_usd - spent.last_tier_nano_usd
    assert cheap > sum(pair.cost_nano_usd for pair in pairs)

    stretches = evidence.over_time(ledger, job.id, "cheap", 5)
    assert 1 <= len(stretches) <= 5
    assert sum(stretch.verdicts for stretch in stretches) == COUNT
    assert sum(stretch.passed for stretch in stretches) == MEASURED
    assert [stretch.began_ms for stretch in stretches] == sorted(stretch.began_ms for stretch in stretches)

    assert sum(evidence.item_latencies(ledger, job.id, (10, 100))) == COUNT
    calls = evidence.call_latencies(ledger, job.id, (10, 100))
    assert {tier: sum(counts) for tier, counts in calls.items()} == {"cheap": COUNT, "expensive": COUNT}
    said = evidence.predictions(ledger, job.id, "cheap")
    assert (len(said), sum(passed for _, passed in said)) == (COUNT, MEASURED)
    assert {probability for probability, _ in said} == {0.5}


def test_a_recording_is_no_evidence_of_live_models(ledger: Database) -> None:
    """Each call says what answered it, and the pairs of a task are those that one source answered alone."""
    live = measured_job(ledger)
    replayed = measured_job(ledger, "replayed", ServerSpec(name="recorded", recordings="recordings.jsonl"))
    engines = measured_job(ledger, "engines", ServerSpec(name="offline", engines="engines.py"))
    found = {
        job.name: {use.answered_by for use in progress.models(ledger, job.id)} for job in (live, replayed, engines)
    }
    assert found == {"measured": {None}, "replayed": {"recording"}, "engines": {"engine"}}
    for source in AnswerSource:
        pairs = evidence.task_held_pairs(ledger, "totals", 1_000, {source})
        assert (len(pairs), {pair.answered_by for pair in pairs}) == (MEASURED, {source})
    assert len(evidence.task_held_pairs(ledger, "totals", 1_000, set(AnswerSource))) == 3 * MEASURED
    assert len(evidence.held_pairs(ledger, replayed.id)) == MEASURED


def test_a_job_without_calls_tells_nothing(ledger: Database) -> None:
    """No division by a time or a count that is not there."""
    job = running_job(ledger, 2)
    assert evidence.held_pairs(ledger, job.id) == []
    assert evidence.spent(ledger, job.id, "expensive") == evidence.Spent(0, 0)
    assert evidence.over_time(ledger, job.id, "cheap", 5) == []
    assert evidence.item_latencies(ledger, job.id, (10,)) == [0, 0]
    assert evidence.call_latencies(ledger, job.id, (10,)) == {}
    assert evidence.predictions(ledger, job.id, "cheap") == []


def test_times_fall_into_the_class_below_their_bound(sqlite_ledger: Database) -> None:
    """With no bound above them, into the last one."""
    job = measured_job(sqlite_ledger)
    assert evidence.item_latencies(sqlite_ledger, job.id, (0, 10_000_000)) == [0, COUNT, 0]
    assert evidence.item_latencies(sqlite_ledger, job.id, (0,)) == [0, COUNT]
