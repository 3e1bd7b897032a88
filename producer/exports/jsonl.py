"""Results as JSON lines: the output nested as it was accepted, money exact."""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import orjson

from producer.dollars import exact
from producer.json_text import embedded
from routing.money import NanoUsd, to_usd

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from producer.results import ResultRow

_LINES_AT_ONCE = 100


def write_jsonl(rows: Iterable[ResultRow], stream: BinaryIO) -> int:
    """Write one line for each row and return how many there were."""
    count = 0
    dumps = orjson.dumps
    remaining = map(_object, rows)
    while lines := [dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in islice(remaining, _LINES_AT_ONCE)]:
        stream.write(b"".join(lines))
        count += len(lines)
    return count


def _object(row: ResultRow) -> dict[str, object]:
    """Return a row in the form of its JSON line. Outputs go out as the ledger keeps them, and are not read."""
    custom_id, state, output, rejected, tier, model, cost, attempts, checks_failed, fail_reason, review, latency_ms = (
        row
    )
    return {
        "custom_id": custom_id,
        "state": state,
        "output": None if output is None else embedded(output),
        "tier": tier,
        "model": model,
        "cost_usd": _dollars(cost),
        "attempts": attempts,
        "checks_failed": checks_failed,
        "fail_reason": fail_reason,
        "needs_review": review,
        "latency_ms": latency_ms,
        "rejected_output": None if rejected is None else embedded(rejected),
    }


@lru_cache(maxsize=4096)
def _dollars(cost_nano_usd: int) -> orjson.Fragment:
    """Return an amount as an exact number; costs repeat, as prompts of one length do."""
    return embedded(exact(to_usd(NanoUsd(cost_nano_usd))))
