"""The rule by which a call that was paid for twice counts as explained.

There is one explanation: a worker died with the document in hand, and took what it had been answered with it. So each
kill excuses one repeated call for each document the worker held at that moment, of that document and that model, and
nothing else. Whatever else repeats (a call cut by the provider and billed by it, a lease that ran out in a worker that
lives, a result that was not written down) has no excuse.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from evaluation.model_server.call_ledger import document_hash
from storage.database import Database
from storage.tables import Attempt, Item
from tests.faults.oracle import of_documents
from tests.support.runs import invoice

MODELS = {"cheap": "small", "expensive": "large"}
"""The model of each tier of the first task."""
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Repeats:
    """The calls that were paid for twice. `at_risk` is how many documents killed workers held.

    `unexplained` has, by model and document, how many answers beyond the first nothing accounts for.
    """

    paid_twice: int
    at_risk: int
    unexplained: Mapping[str, int]

    def told(self) -> list[str]:
        """Return a sentence where something is unexplained."""
        if not self.unexplained:
            return []
        examples = ", ".join(list(self.unexplained)[:_EXAMPLES])
        number = sum(self.unexplained.values())
        return [f"{number} of {self.paid_twice} repeated calls are of documents no killed worker held: {examples}"]


def judge_repeats(answers: Mapping[str, int], held: Mapping[str, int]) -> Repeats:
    """Return what became of each (model, document): how often it was answered, and how often held by who was killed."""
    return Repeats(
        paid_twice=sum(count - 1 for count in answers.values()),
        at_risk=sum(held.values()),
        unexplained={name: beyond for name, count in answers.items() if (beyond := count - 1 - held.get(name, 0)) > 0},
    )


def in_hand(database: Database, tier: str) -> Counter[str]:
    """Return what workers hold of a tier now, named as `answers` names it. Raises ServiceUnreachableError."""
    query = select(col(Item.custom_id)).where(col(Item.tier) == tier, col(Item.lease_token).is_not(None))
    with database.read() as connection:
        return Counter(_name(MODELS[tier], custom_id) for custom_id in connection.scalars(query))


def answers(by_document: Mapping[str, int], numbers: Iterable[int]) -> tuple[dict[str, int], Collection[str]]:
    """Return how often each of these invoices was answered, by model and id, and which documents are none of them.

    `by_document` is what the server says at `/calls`, without the small calls that ask whether it is there.
    """
    ids = {document_hash(row["text"]): row["custom_id"] for row in map(invoice, numbers)}
    found: dict[str, int] = {}
    strange = []
    for key, count in of_documents(by_document).items():
        model, _, document = key.partition(":")
        if document in ids:
            found[_name(model, ids[document])] = count
        else:
            strange.append(key)
    return found, strange


def recorded(database: Database, names: Collection[str]) -> list[dict[str, Any]]:
    """Return what the ledger knows of the calls of some (model, document), for whoever looks for their cause."""
    of_call = [
        col(getattr(Attempt, name)) for name in ("outcome", "trouble", "started_ms", "provider_ms", "http_calls")
    ]
    query = (
        select(col(Item.custom_id), col(Attempt.model), *of_call)
        .join(Item, (col(Item.job_id) == Attempt.job_id) & (col(Item.position) == Attempt.position))
        .where(col(Item.custom_id).in_([name.partition(":")[2] for name in names]))
        .order_by(col(Item.custom_id), col(Attempt.started_ms))
    )
    with database.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _name(model: str, custom_id: str) -> str:
    return f"{model}:{custom_id}"
