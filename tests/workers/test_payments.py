"""What an item can cost is found out where a death would be blamed on it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlmodel import col

from routing.errors import ServiceUnreachableError
from storage import jobs, paying
from storage.database import Database
from storage.states import ItemState
from storage.tables import Item
from tests.support.engine_room import engine_room
from tests.support.ledgers import TASK, TIERS, new_items
from tests.support.loopback import answering, loopback
from workers.black_box import BlackBox, KeptBox
from workers.item_handler import ItemHandler

BUDGET_NANO_USD = 10**12


def _job(ledger: Database, count: int) -> int:
    job = jobs.create(
        ledger,
        name=uuid.uuid4().hex,
        task=TASK,
        content_hash="c",
        items_total=count,
        budget=BUDGET_NANO_USD,
        item_budget=None,
    )
    jobs.add_items(ledger, job.id, 1, new_items(count))
    jobs.open_job(ledger, job.id, TIERS)
    return job.id


def _items(ledger: Database, job: int) -> dict[int, tuple[str, int, str | None]]:
    query = select(col(Item.position), col(Item.state), col(Item.claims), col(Item.lease_token))
    with ledger.read() as connection:
        return {
            row.position: (row.state, row.claims, row.lease_token)
            for row in connection.execute(query.where(col(Item.job_id) == job))
        }


@pytest.fixture
def at_the_bound(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[tuple[int, int]], None]], None]:
    """Has something happen while an item's prompt is written to know what it can cost."""
    bound = ItemHandler.upper_bound

    def meanwhile(happens: Callable[[tuple[int, int]], None]) -> None:
        def upper_bound(self: ItemHandler, task: object, item: object) -> int:
            happens((item.job_id, item.position))  # type: ignore[attr-defined]
            return bound(self, task, item)  # type: ignore[arg-type]

        monkeypatch.setattr(ItemHandler, "upper_bound", upper_bound)

    return meanwhile


def test_a_prompt_is_written_under_the_lease_and_the_eye_of_its_item(
    ledger: Database, at_the_bound: Callable[[Callable[[tuple[int, int]], None]], None]
) -> None:
    """A process that dies there has claimed it, and its box names it: three deaths put the document aside."""
    kept, seen = KeptBox(), []
    with loopback({"small": answering("{}")}) as server:
        box = BlackBox(kept.descriptor, "process")
        with engine_room(ledger, server.deployment(small="small", large="small"), black_box=box) as room:
            job = _job(ledger, 2)

            def look(key: tuple[int, int]) -> None:
                seen.append((key, kept.read().item, _items(ledger, job)[key[1]][1:]))

            at_the_bound(look)
            assert room.pipeline.run_chunk("cheap", job, [1, 2]) == 2
    token = f"{room.leases.process}-1"
    assert seen == [((job, position), (job, position), (1, token)) for position in (1, 2)]
    kept.close()


def test_an_item_whose_bound_raises_costs_itself_only(
    ledger: Database, at_the_bound: Callable[[Callable[[tuple[int, int]], None]], None]
) -> None:
    """The other one is done; it keeps its claim until its lease runs out."""

    def leave(key: tuple[int, int]) -> None:
        if key[1] == 1:
            raise SystemExit

    at_the_bound(leave)
    with loopback({"small": answering("{}")}) as server:
        with engine_room(ledger, server.deployment(small="small", large="small")) as room:
            job = _job(ledger, 2)
            assert room.pipeline.run_chunk("cheap", job, [1, 2]) == 1
        assert sum(server.server.ledger.answered.values()) == 1
    items = _items(ledger, job)
    assert items[1][:2] == (ItemState.QUEUED, 1)
    assert items[2][0] == ItemState.DONE


def test_a_ledger_that_goes_away_before_the_reservation_costs_no_claim(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was claimed stays in hand until it can be paid for."""
    pay, outages = paying.pay, iter([True])

    def once_away(*arguments: object) -> object:
        if next(outages, False):
            raise ServiceUnreachableError("The ledger is away.", "")
        return pay(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(paying, "pay", once_away)
    monkeypatch.setattr("workers.pipeline.LEDGER_AGAIN_S", 0.01)
    with (
        loopback({"small": answering("{}")}) as server,
        engine_room(ledger, server.deployment(small="small", large="small")) as room,
    ):
        job = _job(ledger, 1)
        assert room.pipeline.run_chunk("cheap", job, [1]) == 1
    assert _items(ledger, job)[1][0] == ItemState.DONE
