"""A job is published whole, page by page."""

from __future__ import annotations

from typing import cast

import pytest

from storage.database import Database
from tests.support.ledgers import TIERS, running_job
from workers import publishing
from workers.publishing import Publisher, publish_job


class _Recorded:
    """Takes what would be published; an empty publishing is an error."""

    def __init__(self) -> None:
        self.keys: list[tuple[int, int]] = []

    def publish(self, tier: str, keys: list[tuple[int, int]]) -> int:
        assert keys
        assert tier == "cheap"
        self.keys += keys
        return len(keys)


@pytest.mark.parametrize("items", [1, 3, 6, 7])
def test_every_item_is_published_once_over_pages(
    sqlite_ledger: Database, monkeypatch: pytest.MonkeyPatch, items: int
) -> None:
    """Whether the last page is full or not; a tier where nothing waits is left alone."""
    monkeypatch.setattr(publishing, "_PAGE", 3)
    job = running_job(sqlite_ledger, items)
    recorded = _Recorded()
    assert publish_job(sqlite_ledger, cast("Publisher", recorded), job.id, TIERS) == items
    assert recorded.keys == [(job.id, position) for position in range(1, items + 1)]
