"""Messages hold ids, in chunks of one job."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from workers.messages import ChunkMessage, chunks


@given(st.dictionaries(st.integers(1, 5), st.sets(st.integers(1, 200), min_size=1, max_size=40)), st.integers(1, 17))
def test_every_item_is_in_exactly_one_message_of_its_job(items: dict[int, set[int]], size: int) -> None:
    """Chunks cover all keys once, hold one job each and at most the size."""
    keys = sorted((job, position) for job, positions in items.items() for position in positions)
    messages = list(chunks(keys, size))
    assert [(message.job, position) for message in messages for position in message.items] == keys
    assert all(len(message.items) <= size for message in messages)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"v": 2, "job": 1, "items": [1]},
        {"v": 1, "job": 0, "items": [1]},
        {"v": 1, "job": 1, "items": []},
        {"v": 1, "job": 1, "items": ["1"]},
        {"v": 1, "job": 1, "items": [1 << 63]},
        {"v": 1, "job": 1 << 63, "items": [1]},
        {"v": 1, "job": 1, "items": [1] * 1001},
        {"v": 1, "job": 1, "items": [1], "text": "a document"},
    ],
)
def test_a_hostile_message_is_refused(message: dict[str, object]) -> None:
    """Nothing but the known form is taken from the broker."""
    with pytest.raises(ValidationError):
        ChunkMessage.model_validate(message)
