"""What the ledger knows of accepted items, and keeps of audits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import audits
from tests.support.judged_jobs import Judged, judge, open_job
from tests.support.ledgers import TASK

if TYPE_CHECKING:
    from storage.database import Database


def test_accepted_items_come_with_what_makes_them_doubtful(ledger: Database) -> None:
    """Confidence, the classifier's probability, and what other models said; what went up is not among them."""
    job = open_job(ledger, TASK, "past", 4)
    judge(
        ledger,
        job,
        1,
        [Judged(confidence=0.5, probability=0.75), Judged(passed=False), Judged(last='{"total": 2}'), Judged()],
    )
    found = {item.position: item for item in audits.accepted(ledger, TASK.name, 10)}
    assert list(found) == [1, 3, 4]
    assert (found[1].confidence, found[1].probability, found[4].confidence) == (0.5, 0.75, None)
    assert all(item.output is None and not item.picked and item.ended_ms for item in found.values())
    assert list(audits.second_answers(ledger, TASK.name, 10)) == [
        audits.SecondAnswer(job.id, 3, '{"total": 1}', '{"total": 2}')
    ]
    assert len(audits.accepted(ledger, TASK.name, 2)) == 2


def test_labels_are_kept_once_and_replaced(ledger: Database) -> None:
    """With the output they are held against; picks and draws are kept once as well."""
    job = open_job(ledger, TASK, "past", 2)
    judge(ledger, job, 1, [Judged(), Judged()])
    key = (job.id, 1)
    assert audits.put_labels(ledger, {key: '{"total":1}'}, "a test") == (1, 0)
    assert audits.put_labels(ledger, {key: '{"total":1}'}, "a test") == (0, 0)
    assert audits.put_labels(ledger, {key: '{"total":2}', (job.id, 2): "{}"}, "a test") == (1, 1)
    for _ in range(2):
        audits.keep_draw(ledger, TASK.name, 77, [key])
    audits.keep_draw(ledger, TASK.name, 78, [])
    assert audits.draws(ledger, TASK.name) == [78, 77]
    item = audits.accepted(ledger, TASK.name, 10)[0]
    assert (item.picked, item.output, item.expected) == (True, '{"total": 1}', '{"total":2}')
    assert audits.labelled_keys(ledger, TASK.name) == [key, (job.id, 2)]
    (document,) = audits.documents(ledger, [key])
    assert document == audits.AuditDocument(
        "past", "past-1", "text of past-1", None, "{}", '{"total": 1}', '{"total":2}'
    )


def test_a_custom_id_in_several_jobs_is_told_apart_by_job(ledger: Database) -> None:
    """Each is found by its job's name; accepted items come newest job first."""
    keys = {}
    for name in ("first", "second"):
        job = open_job(ledger, TASK, name, 1)
        with ledger.write() as connection:
            connection.exec_driver_sql("UPDATE items SET custom_id = 'same'")
        judge(ledger, job, 1, [Judged()])
        keys[name] = (job.id, 1)
    assert audits.keys_of(ledger, TASK.name, ["same", "none"]) == {"same": keys}
    assert [item.key for item in audits.accepted(ledger, TASK.name, 10)] == [keys["second"], keys["first"]]
