"""Versions of a classifier, and the outcomes they learn from."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import update

from routing.errors import NotFoundError, UsageError
from storage import classifiers, recording
from storage.database import Database
from storage.outcomes import first_outcomes
from storage.records import Accepted, AttemptRecord, Escalated, ItemRecord
from storage.router_tables import ClassifierRow
from storage.states import AttemptOutcome
from tests.routing.classifier.test_classifier import model
from tests.support.ledgers import attempt, claim, running_job


def test_versions_are_counted_and_kept(ledger: Database) -> None:
    """Each task has its own."""
    assert classifiers.add(ledger, "receipts", model(), '{"auc": 0.7}', "ann") == 1
    assert classifiers.add(ledger, "receipts", model(intercept=2.0), "{}", "bob") == 2
    assert classifiers.add(ledger, "others", model(), "{}", "bob") == 1
    assert classifiers.model(ledger, "receipts", 2).intercept == 2.0
    first, _ = classifiers.listing(ledger, "receipts")
    assert (first.version, json.loads(first.metrics), first.trained_by) == (1, {"auc": 0.7}, "ann")
    with pytest.raises(NotFoundError, match="no classifier 3"):
        classifiers.model(ledger, "receipts", 3)


def test_a_version_of_another_program_is_refused(ledger: Database) -> None:
    """With what to do about it."""
    classifiers.add(ledger, "receipts", model(), "{}", "ann")
    with ledger.write() as connection:
        connection.execute(update(ClassifierRow).values(weights='{"feature_version": 0}'))
    with pytest.raises(UsageError, match="Train it again"):
        classifiers.model(ledger, "receipts", 1)


def _judged(outcome: AttemptOutcome, **changes: object) -> AttemptRecord:
    return attempt(outcome=outcome)._replace(input_tokens=7, output_tokens=3, **changes)  # type: ignore[arg-type]


def test_outcomes_are_those_of_first_answers(ledger: Database) -> None:
    """A repair, a canary, a measuring call, another tier's or another model's answer says nothing of the first tier."""
    job = running_job(ledger, 5)
    claim(ledger, job.id, range(1, 6))
    rejected, accepted = AttemptOutcome.REJECTED, AttemptOutcome.ACCEPTED
    calls = {
        1: (_judged(accepted, started_ms=5),),
        2: (_judged(rejected, started_ms=5), _judged(accepted, cause="repair", started_ms=9)),
        3: (_judged(accepted, canary=True),),
        4: (_judged(accepted, model="fallback"),),
        5: (_judged(AttemptOutcome.PROVIDER_TROUBLE), _judged(accepted, tier="expensive")),
    }
    following = {5: Escalated("expensive", "verdict_failed")}
    recording.write(
        ledger,
        [
            ItemRecord(job.id, position, "cheap", "token", following.get(position, Accepted("{}")), made)
            for position, made in calls.items()
        ],
    )
    found = list(first_outcomes(ledger, "receipts", "cheap", "small", 10))
    assert [(one.custom_id, one.passed, one.text) for one in found] == [
        ("item-1", True, "text 1"),
        ("item-2", False, "text 2"),
    ]
    assert (found[0].input_tokens, found[0].output_tokens) == (7, 3)
    assert len(list(first_outcomes(ledger, "receipts", "cheap", "small", 1))) == 1
    assert list(first_outcomes(ledger, "others", "cheap", "small", 10)) == []
