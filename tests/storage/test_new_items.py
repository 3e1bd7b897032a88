"""Whatever a document holds, the ledger gives it back as it was."""

from __future__ import annotations

import json

from sqlalchemy import text

from storage import jobs
from storage.database import Database
from storage.jobs import NewItem
from tests.support.ledgers import TASK

_PARTS = (
    "\\",
    "\t",
    "\n",
    "\r",
    "\r\n",
    r"\N",
    r"\.",
    "\\\\n",
    "\b\f\v\x1f\x7f",
    "'\"",
    "é\u2028\U0001f600",
    "a ",
    "{}",
)
_TEXTS = [*_PARTS, *(f"{one}{other}" for one in _PARTS for other in _PARTS), "\n".join(_PARTS) * 50]


def test_every_text_comes_back_as_it_was(ledger: Database) -> None:
    """Backslashes, tabs and line ends too, in each of the columns; what there is none of stays so."""
    job = jobs.create(
        ledger, name="j", task=TASK, content_hash="c", items_total=len(_TEXTS), budget=None, item_budget=None
    )
    items = [
        NewItem(
            f"{number}{text}", "cheap", text, json.dumps({"m": text}), text if number % 2 else None, number % 3 or None
        )
        for number, text in enumerate(_TEXTS)
    ]
    jobs.add_items(ledger, job.id, 1, items)
    with ledger.read() as connection:
        rows = connection.execute(
            text(
                "SELECT custom_id, tier, text, metadata, expected, pages FROM items JOIN documents"
                " ON documents.job_id = items.job_id AND documents.position = items.position ORDER BY items.position"
            )
        ).all()
    assert [NewItem(*row) for row in rows] == items


def test_two_blocks_and_a_rest_are_written_whole(ledger: Database) -> None:
    """However many rows travel together."""
    job = jobs.create(ledger, name="j", task=TASK, content_hash="c", items_total=257, budget=None, item_budget=None)
    jobs.add_items(ledger, job.id, 1, [NewItem(f"d{number}", "cheap", "t", "{}", None, None) for number in range(257)])
    assert jobs.open_job(ledger, job.id, ["cheap"])
