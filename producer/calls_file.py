"""A CSV of calls made elsewhere, read for advice: one call a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from evaluation.advice.case import Costs, RoutingCase
from producer.documents.formats.csv import read_rows
from producer.documents.limits import IntakeLimits
from producer.documents.opening import open_regular
from producer.documents.refusal import RefusedInputError
from producer.documents.row import BadRow, Row
from producer.documents.sources import shown
from routing.errors import InvalidFileError, Problem, UsageError
from routing.money import NANO_PER_USD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

NEEDED = ("item", "tier", "cost_usd", "passed")
TIERS = ("cheap", "expensive")
_MOST_PROBLEMS = 20
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
_MOST_USD = Decimal(1_000_000)
_MOST_MS = 10**9


@dataclass(slots=True)
class _Document:
    """What was called about one document, by tier: cost, whether the last call passed, and time."""

    cost: dict[str, float] = field(default_factory=dict)
    passed: dict[str, bool] = field(default_factory=dict)
    latency_ms: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Call:
    item: str
    tier: str
    cost_nano_usd: float
    passed: bool
    latency_ms: int | None


def read_calls(file: Path, latency_budget_ms: int | None) -> RoutingCase:
    """Return what a file of calls shows.

    Calls of the same document and tier add up, and the last of them says whether it passed. Raises InvalidFileError
    with every mistake and its line (the first twenty), UsageError where no document was tried in the cheap tier.
    """
    documents: dict[str, _Document] = {}
    problems: list[Problem] = []
    name = shown(file)
    try:
        with open_regular(file, follow_link=True) as stream:
            for row in read_rows(stream, IntakeLimits()):
                problem = row.reason if isinstance(row, BadRow) else _take(row, documents)
                if problem:
                    problems.append(Problem(name, row.line or 0, 1, problem))
                if len(problems) == _MOST_PROBLEMS:
                    break
    except RefusedInputError as refused:
        problems.append(Problem(name, 1, 1, refused.reason))
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}.") from None
    if problems:
        raise InvalidFileError(problems)
    return _case(documents.values(), latency_budget_ms, name)


def _take(row: Row, documents: dict[str, _Document]) -> str | None:
    """Add one call, and return what is wrong with it."""
    cells = row.value if isinstance(row.value, dict) else {}
    missing = [column for column in NEEDED if column not in cells]
    if missing:
        return f"the header lacks {', '.join(f'`{column}`' for column in missing)}; it needs {', '.join(NEEDED)}"
    call = _call({column: str(cell).strip() for column, cell in cells.items()})
    if isinstance(call, str):
        return call
    document = documents.setdefault(call.item, _Document())
    document.cost[call.tier] = document.cost.get(call.tier, 0.0) + call.cost_nano_usd
    document.passed[call.tier] = call.passed
    if call.latency_ms is not None:
        document.latency_ms[call.tier] = document.latency_ms.get(call.tier, 0) + call.latency_ms
    return None


def _call(cells: Mapping[str, str]) -> _Call | str:
    """Return the call of a row, or what is wrong with it."""
    cost, passed, latency = _usd(cells["cost_usd"]), cells["passed"].lower(), cells.get("latency_ms", "")
    wrong = {
        "`item` is empty": not cells["item"],
        f"`tier` is not one of {', '.join(TIERS)}": cells["tier"] not in TIERS,
        "`cost_usd` is not an amount of dollars, such as 0.0012": cost is None,
        "`passed` is neither true nor false": passed not in _TRUE | _FALSE,
        "`latency_ms` is not a whole number of milliseconds": not _is_milliseconds(latency),
    }
    problem = next((text for text, holds in wrong.items() if holds), None)
    if problem is not None or cost is None:
        return problem or ""
    return _Call(cells["item"], cells["tier"], cost, passed in _TRUE, int(latency) if latency else None)


def _is_milliseconds(cell: str) -> bool:
    return not cell or (cell.isascii() and cell.isdecimal() and len(cell) <= len(str(_MOST_MS)))


def _usd(cell: str) -> float | None:
    try:
        amount = Decimal(cell)
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 <= amount <= _MOST_USD:
        return None
    return float(amount * NANO_PER_USD)


def _case(documents: Iterable[_Document], latency_budget_ms: int | None, name: str) -> RoutingCase:
    found = list(documents)
    tried = [document for document in found if "cheap" in document.cost]
    if not tried:
        raise UsageError(
            f"{name} has no call of the tier `cheap`, so nothing is known of what it would settle.",
            "Try it on some documents first: `cheapfirst plan TASK INPUT --sample 50`.",
        )
    failed = [document for document in tried if not document.passed["cheap"]]
    asked = [document for document in failed if "expensive" in document.cost]
    times = sorted(time for document in tried if (time := _latency(document)) is not None)
    return RoutingCase(
        tried=len(tried),
        settled=len(tried) - len(failed),
        asked=len(asked),
        mended=sum(document.passed["expensive"] for document in asked),
        below=Costs.of([document.cost["cheap"] for document in tried]),
        last=Costs.of([document.cost["expensive"] for document in found if "expensive" in document.cost]),
        timed=len(times),
        late=0 if latency_budget_ms is None else sum(time > latency_budget_ms for time in times),
        p95_ms=p95(times),
    )


def _latency(document: _Document) -> int | None:
    """Return how long a cascade took for a document, None where a time is missing."""
    needed = ("cheap",) if document.passed["cheap"] else TIERS
    times = [document.latency_ms.get(tier) for tier in needed]
    known = [time for time in times if time is not None]
    return sum(known) if len(known) == len(times) else None


def p95(ordered: list[int]) -> int | None:
    """Return the least time that 95 % of these do not exceed, None of none."""
    return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)] if ordered else None
