"""What travels through the broker: the ids of a chunk of items. Never text, never keys."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MAX_CHUNK = 1000
MAX_ID = (1 << 63) - 1
"""A message is hostile input: what the ledger cannot hold is refused before it is asked."""
VERSION = 1
PARKED = ".parked"
"""What follows a queue's name in that of the list where its messages of other versions wait."""


class ChunkMessage(BaseModel):
    """One message: positions of items of one job, all queued for the tier whose queue it is on.

    `v` is the version of this form; a worker parks forms it does not know.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    v: Literal[1] = 1
    job: int = Field(ge=1, le=MAX_ID)
    items: list[Annotated[int, Field(ge=1, le=MAX_ID)]] = Field(min_length=1, max_length=MAX_CHUNK)


def is_of_another_version(message: Mapping[str, object]) -> bool:
    """Tell whether a message says that it is of a version this worker does not know."""
    version = message.get("v")
    return isinstance(version, int) and not isinstance(version, bool) and version != VERSION


def chunks(keys: Iterable[tuple[int, int]], size: int) -> Iterator[ChunkMessage]:
    """Group (job, position) pairs into messages of at most `size` items of one job, keeping their order."""
    for job_id, group in groupby(keys, key=lambda key: key[0]):
        positions = [position for _, position in group]
        for start in range(0, len(positions), size):
            yield ChunkMessage(job=job_id, items=positions[start : start + size])
