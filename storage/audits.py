"""Accepted items that a person is to label: what is known of each, which were picked, and the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, func, select
from sqlmodel import col

from routing.decision import Layer
from storage.clock import now_ms
from storage.evidence_tables import AuditLabelRow, AuditPickRow, AuditRow
from storage.router_tables import DecisionRow
from storage.states import AttemptOutcome, ItemState
from storage.tables import WITH_DOCUMENT, Attempt, DocumentRow, Item, Job, TierTally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from storage.database import Database

_BATCH = 500
_DRAWS = 50


@dataclass(frozen=True, slots=True)
class AcceptedItem:
    """An item that a tier below the last accepted. `output` (a JSON text) is there where it has a label (`expected`).

    `confidence` is what the confidence check measured of the accepted answer, `probability` a classifier's that it
    would pass; None where there was none.
    """

    job_id: int
    position: int
    custom_id: str
    needs_review: bool
    confidence: float | None
    probability: float | None
    picked: bool
    output: str | None
    expected: str | None
    ended_ms: int

    @property
    def key(self) -> tuple[int, int]:
        """The item's job and position."""
        return self.job_id, self.position


@dataclass(frozen=True, slots=True)
class SecondAnswer:
    """The accepted output of an item (a JSON text), and what another model wrote about the same document."""

    job_id: int
    position: int
    output: str
    answer: str


@dataclass(frozen=True, slots=True)
class AuditDocument:
    """An item as a person sees it: its document, the accepted output and the label so far.

    `metadata`, `output` and `expected` are JSON texts.
    """

    job_name: str
    custom_id: str
    text: str
    pages: int | None
    metadata: str
    output: str
    expected: str | None


def accepted(database: Database, task_name: str, limit: int) -> list[AcceptedItem]:
    """Return up to `limit` items of a task that were accepted below its last tier, newest job first."""
    found: list[AcceptedItem] = []
    with database.read() as connection:
        for job_id in _jobs(connection, task_name):
            if len(found) >= limit:
                break
            found += _accepted(connection, job_id, limit - len(found))
    return found


def second_answers(database: Database, task_name: str, limit: int) -> Iterator[SecondAnswer]:
    """Yield what the last tier (`holdout`) or a second model (`agreement`) said of accepted items, newest job first."""
    left = limit
    with database.read() as connection:
        for job_id in _jobs(connection, task_name):
            rows = connection.execute(
                select(col(Item.position), col(Item.output), col(Attempt.answer))
                .join(
                    Attempt, and_(col(Attempt.job_id) == col(Item.job_id), col(Attempt.position) == col(Item.position))
                )
                .where(
                    col(Item.job_id) == job_id,
                    col(Item.state) == ItemState.DONE,
                    col(Item.output).is_not(None),
                    col(Attempt.answer).is_not(None),
                    (col(Attempt.outcome) == AttemptOutcome.OPINION)
                    | (
                        col(Attempt.holdout)
                        & col(Attempt.outcome).in_((AttemptOutcome.ACCEPTED, AttemptOutcome.REJECTED))
                    ),
                )
                .order_by(col(Item.position))
                .limit(left)
            ).all()
            for row in rows:
                yield SecondAnswer(job_id, row.position, row.output or "", row.answer or "")
            left -= len(rows)
            if left <= 0:
                return


_DOCUMENT_COLUMNS = [
    *(col(Job.name), col(Item.position), col(Item.custom_id), col(Item.output), col(AuditLabelRow.expected)),
    *(col(DocumentRow.text), col(DocumentRow.pages), col(DocumentRow.document_metadata).label("metadata")),
]


def documents(database: Database, keys: Sequence[tuple[int, int]]) -> list[AuditDocument]:
    """Return these items, by job and position, in the order they are named in."""
    found: dict[tuple[int, int], AuditDocument] = {}
    with database.read() as connection:
        for job_id in dict.fromkeys(job_id for job_id, _ in keys):
            positions = [position for job, position in keys if job == job_id]
            for begin in range(0, len(positions), _BATCH):
                rows = connection.execute(
                    select(*_DOCUMENT_COLUMNS)
                    .join(Job, col(Job.id) == col(Item.job_id))
                    .join(DocumentRow, WITH_DOCUMENT)
                    .outerjoin(AuditLabelRow, _OF_ITEM_LABEL)
                    .where(col(Item.job_id) == job_id, col(Item.position).in_(positions[begin : begin + _BATCH]))
                )
                for row in rows:
                    document = (row.custom_id, row.text, row.pages, row.metadata)
                    found[job_id, row.position] = AuditDocument(row.name, *document, row.output or "", row.expected)
    return [found[key] for key in keys]


def keep_draw(database: Database, task_name: str, until_ms: int, picks: Sequence[tuple[int, int]]) -> None:
    """Remember a draw of the items that had ended by a time, and the items picked because they are doubtful."""
    with database.write() as connection:
        drawn = database.insert(AuditRow).on_conflict_do_nothing(index_elements=["task_name", "until_ms"])
        connection.execute(drawn, [{"task_name": task_name, "until_ms": until_ms}])
        if picks:
            now = connection.scalar(select(now_ms()))
            connection.execute(
                database.insert(AuditPickRow).on_conflict_do_nothing(index_elements=["job_id", "position"]),
                [{"job_id": job_id, "position": position, "picked_ms": now} for job_id, position in picks],
            )


def draws(database: Database, task_name: str) -> list[int]:
    """Return the `until_ms` of the newest draws of a task, newest first."""
    query = select(col(AuditRow.until_ms)).where(col(AuditRow.task_name) == task_name)
    with database.read() as connection:
        return list(connection.scalars(query.order_by(col(AuditRow.until_ms).desc()).limit(_DRAWS)))


def keys_of(database: Database, task_name: str, custom_ids: Sequence[str]) -> dict[str, dict[str, tuple[int, int]]]:
    """Return, for each of these custom ids, the job and position of each done item of a task that has it.

    By the job's name, oldest job first.
    """
    found: dict[str, dict[str, tuple[int, int]]] = {}
    with database.read() as connection:
        job_ids = _jobs(connection, task_name)
        for begin in range(0, len(custom_ids), _BATCH):
            rows = connection.execute(
                select(col(Job.name), col(Item.custom_id), col(Item.job_id), col(Item.position))
                .join(Job, col(Job.id) == col(Item.job_id))
                .where(
                    col(Item.job_id).in_(job_ids),
                    col(Item.custom_id).in_(custom_ids[begin : begin + _BATCH]),
                    col(Item.state) == ItemState.DONE,
                    col(Item.output).is_not(None),
                )
                .order_by(col(Item.job_id))
            )
            for name, custom_id, job_id, position in rows:
                found.setdefault(custom_id, {})[name] = (job_id, position)
    return found


def put_labels(database: Database, labels: Mapping[tuple[int, int], str], labelled_by: str) -> tuple[int, int]:
    """Keep labels (JSON texts), all or none of them; return how many are new, and how many replace another one.

    The same label again changes nothing.
    """
    added = changed = 0
    with database.write() as connection:
        now = connection.scalar(select(now_ms()))
        for (job_id, position), expected in labels.items():
            is_item = (col(AuditLabelRow.job_id) == job_id) & (col(AuditLabelRow.position) == position)
            before = connection.scalar(select(col(AuditLabelRow.expected)).where(is_item))
            if before == expected:
                continue
            values = {"expected": expected, "labelled_by": labelled_by, "labelled_ms": now}
            connection.execute(
                database.insert(AuditLabelRow)
                .values(job_id=job_id, position=position, **values)
                .on_conflict_do_update(index_elements=["job_id", "position"], set_=values)
            )
            added, changed = added + (before is None), changed + (before is not None)
    return added, changed


def labelled_keys(database: Database, task_name: str) -> list[tuple[int, int]]:
    """Return the job and position of every item of a task that has a label, oldest job first."""
    with database.read() as connection:
        rows = connection.execute(
            select(col(AuditLabelRow.job_id), col(AuditLabelRow.position))
            .join(Job, col(Job.id) == col(AuditLabelRow.job_id))
            .where(col(Job.task_name) == task_name)
            .order_by(col(AuditLabelRow.job_id), col(AuditLabelRow.position))
        )
        return [(row.job_id, row.position) for row in rows]


_OF_ITEM_LABEL = (col(AuditLabelRow.job_id) == col(Item.job_id)) & (col(AuditLabelRow.position) == col(Item.position))
_OF_ITEM_PICK = (col(AuditPickRow.job_id) == col(Item.job_id)) & (col(AuditPickRow.position) == col(Item.position))


def _jobs(connection: Connection, task_name: str) -> list[int]:
    newest_first = select(col(Job.id)).where(col(Job.task_name) == task_name).order_by(col(Job.id).desc())
    return [job_id or 0 for job_id in connection.scalars(newest_first)]


def _accepted(connection: Connection, job_id: int, limit: int) -> Iterator[AcceptedItem]:
    last = select(col(TierTally.tier)).where(col(TierTally.job_id) == job_id).order_by(col(TierTally.rank).desc())
    last_tier = connection.scalar(last.limit(1))
    rows = connection.execute(
        select(
            col(Item.position),
            col(Item.custom_id),
            col(Item.needs_review),
            col(AuditPickRow.picked_ms),
            case((col(AuditLabelRow.expected).is_not(None), col(Item.output))).label("output"),
            col(AuditLabelRow.expected),
            col(Item.finished_ms),
        )
        .outerjoin(AuditPickRow, _OF_ITEM_PICK)
        .outerjoin(AuditLabelRow, _OF_ITEM_LABEL)
        .where(
            col(Item.job_id) == job_id,
            col(Item.state) == ItemState.DONE,
            col(Item.output).is_not(None),
            col(Item.tier) != last_tier,
        )
        .order_by(col(Item.position))
        .limit(limit)
    ).all()
    confidences, probabilities = _confidences(connection, job_id), _probabilities(connection, job_id)
    for row in rows:
        yield AcceptedItem(
            job_id=job_id,
            position=row.position,
            custom_id=row.custom_id,
            needs_review=bool(row.needs_review),
            confidence=confidences.get(row.position),
            probability=probabilities.get(row.position),
            picked=row.picked_ms is not None,
            output=row.output,
            expected=row.expected,
            ended_ms=int(row.finished_ms or 0),
        )


def _confidences(connection: Connection, job_id: int) -> dict[int, float]:
    rows = connection.execute(
        select(col(Attempt.position), func.max(col(Attempt.confidence)))
        .where(
            col(Attempt.job_id) == job_id,
            col(Attempt.outcome) == AttemptOutcome.ACCEPTED,
            col(Attempt.holdout).is_(False),
            col(Attempt.confidence).is_not(None),
        )
        .group_by(col(Attempt.position))
    )
    return {position: float(confidence or 0) for position, confidence in rows}


def _probabilities(connection: Connection, job_id: int) -> dict[int, float]:
    rows = connection.execute(
        select(col(DecisionRow.position), col(DecisionRow.probability)).where(
            col(DecisionRow.job_id) == job_id,
            col(DecisionRow.layer) == Layer.CLASSIFIER,
            col(DecisionRow.probability).is_not(None),
        )
    )
    return {position: float(probability or 0) for position, probability in rows}
