"""Submitting a job: read and check every input first, write it down, and only then let workers have it."""

from __future__ import annotations

import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from producer.documents.intake import read_documents
from producer.documents.labels import only_labelled, read_labels
from producer.documents.mistakes import Mistakes
from producer.documents.refusal import RefusalCode
from producer.documents.selection import only_named
from producer.documents.sources import shown
from producer.documents.spool import Spool
from producer.home import make_folder
from routing.errors import InvalidFileError, UsageError
from routing.label_check import LabelCheck, LabelProblem
from routing.money import NanoUsd, to_nano_usd
from routing.row_reader import RowReader
from routing.task import BudgetSpec, FrozenTask
from storage import jobs
from storage.jobs import NewItem
from storage.states import JobState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from producer.documents.refusal import Refusal
    from routing.document import Document
    from storage.database import Database
    from storage.jobs import JobRecord

_BATCH = 5_000
_REFUSALS_SHOWN = 20
_NAME_DIGITS = 12
_NAME = re.compile(r"\w[\w.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Order:
    """What a user asks for. `labels` is a JSONL file of expected outputs, `budget_usd` overrides the task's own.

    Without a `name`, the job is named after its task and its content, so that the same order is the same job. `strict`
    refuses the whole job where one input is refused, `labelled_only` each document without a label. `only` takes the
    documents of these names, and leaves out all others without a word.
    """

    task: FrozenTask
    inputs: Sequence[str | Path]
    name: str | None = None
    strict: bool = False
    labels: Path | None = None
    budget_usd: Decimal | None = None
    labelled_only: bool = False
    only: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """How many inputs were not taken in, the first of them, and the file that lists all of them with their reasons."""

    count: int
    first: tuple[Refusal, ...]
    file: Path


@dataclass(frozen=True, slots=True)
class Submitted:
    """The job as it stands. `created` tells that this order wrote it, and not an earlier one of the same content."""

    job: JobRecord
    created: bool
    refused: Refused | None


class InputsRefusedError(UsageError):
    """Nothing was submitted, because inputs were refused; `refused` says which."""

    def __init__(self, message: str, hint: str, refused: Refused) -> None:
        super().__init__(message, hint)
        self.args = (message, hint, refused)
        self.refused = refused


def submit(database: Database, order: Order, home: Path) -> Submitted:
    """Write the job an order describes and let it run; nothing is published yet.

    The same order again goes on with its job: half written, interrupted, stopped or cancelled; one that is done stays
    as it is. A budget that is named replaces the job's. Raises InputsRefusedError, UsageError for inputs that are not
    there, InvalidFileError where a label does not fit the task, JobConflictError where the name is taken by other
    content.
    """
    if order.name is not None:
        _check_name(order.name)
    # The budget belongs to the job: a larger one must not make it another job, which would pay for everything again.
    task = order.task.model_copy(update={"budget": BudgetSpec()})
    waiting = make_folder(home / "intake")
    with tempfile.TemporaryDirectory(dir=waiting) as folder, Spool(Path(folder)) as spool:
        documents = _read(order, task)
        spool.fill(only_labelled(documents) if order.labelled_only else documents)
        _require_labels_that_fit(spool)
        name = order.name or default_name(task, spool.fingerprint)
        refused = _keep_refusals(spool, home / "refused" / f"{name}.jsonl")
        _check(order, spool, refused)
        job = jobs.create(
            database,
            name=name,
            task=task,
            content_hash=spool.fingerprint,
            items_total=spool.count,
            budget=_budget(order),
            item_budget=_nano_usd(order.task.budget.per_item_usd),
        )
        if job.state is JobState.SUBMITTING:
            _write_items(database, job, spool, task.tiers[0].name)
    created = jobs.open_job(database, job.id, [tier.name for tier in task.tiers])
    if not created:
        _go_on(database, job, order)
    return Submitted(jobs.find(database, name), created, refused)


def _read(order: Order, task: FrozenTask) -> Iterator[Document | Refusal]:
    rows = RowReader(task.input)
    if order.only is not None:
        return only_named(read_documents(order.inputs, rows), order.only)
    check = LabelCheck.of_task(task)
    labels = read_labels(order.labels, check) if order.labels is not None else None
    return read_documents(order.inputs, rows, labels=labels, label_check=check)


def default_name(task: FrozenTask, content_hash: str) -> str:
    """Return the name of a job that was given none: the task's, and a digest of the task and the content."""
    digest = sha256(f"{task.fingerprint}{content_hash}".encode()).hexdigest()
    return f"{task.name}-{digest[:_NAME_DIGITS]}"


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name.isdecimal():
        raise UsageError(
            f"`{shown(name)}` cannot be a job's name: that is up to 100 letters, digits, `_`, `.` and `-`, begins with"
            " neither dot nor dash, and is not a number.",
            "Choose another, or leave it out.",
        )


def _require_labels_that_fit(spool: Spool) -> None:
    """Raise InvalidFileError where documents bring labels that do not fit the task: nothing is lost by that."""
    if not spool.refused[RefusalCode.INVALID_LABEL]:
        return
    mistakes = Mistakes()
    for refusal in spool.refusals():
        if refusal.code is RefusalCode.INVALID_LABEL:
            mistakes.add(refusal.source, refusal.line, LabelProblem(refusal.reason))
    raise InvalidFileError(mistakes.problems())


def _budget(order: Order) -> NanoUsd | None:
    return _nano_usd(order.task.budget.usd if order.budget_usd is None else order.budget_usd)


def _nano_usd(usd: Decimal | None) -> NanoUsd | None:
    return None if usd is None else to_nano_usd(usd)


def _keep_refusals(spool: Spool, file: Path) -> Refused | None:
    if not spool.refused:
        file.unlink(missing_ok=True)
        return None
    first = tuple(islice(spool.refusals(), _REFUSALS_SHOWN))
    make_folder(file.parent)
    spool.refused_path.replace(file)
    return Refused(spool.refused.total(), first, file)


def _check(order: Order, spool: Spool, refused: Refused | None) -> None:
    if refused is not None and order.strict:
        raise InputsRefusedError(
            f"{refused.count} inputs were refused, so nothing was submitted.",
            f"Mend those listed in {refused.file}, or leave --strict out.",
            refused,
        )
    if spool.count:
        return
    if refused is None:
        raise UsageError("The inputs hold no documents.", "Name files, folders or patterns that do.")
    raise InputsRefusedError(
        f"All {refused.count} inputs were refused, so nothing was submitted.",
        f"Mend those listed in {refused.file}.",
        refused,
    )


def _write_items(database: Database, job: JobRecord, spool: Spool, tier: str) -> None:
    position = 1
    documents = iter(spool)

    def next_batch() -> list[NewItem]:
        return [_new_item(document, tier) for document in islice(documents, _BATCH)]

    # While the database works on one batch, which needs little of Python, the next is read.
    with ThreadPoolExecutor(1) as reader:
        following = reader.submit(next_batch)
        while batch := following.result():
            following = reader.submit(next_batch)
            jobs.add_items(database, job.id, position, batch)
            position += len(batch)


def _new_item(document: Document, tier: str) -> NewItem:
    custom_id, text, metadata, expected, pages = document
    return NewItem(
        custom_id,
        tier,
        text,
        orjson.dumps(metadata).decode() if metadata else "{}",
        None if expected is None else orjson.dumps(expected).decode(),
        pages,
    )


def _go_on(database: Database, job: JobRecord, order: Order) -> None:
    jobs.set_budget(database, job.id, _budget(order), _nano_usd(order.task.budget.per_item_usd))
    jobs.resume(database, job.id)
