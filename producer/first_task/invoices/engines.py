"""Two offline engines for invoices: rules of differing skill that stand in for a cheap and an expensive model."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaluation.model_server.engine import EngineRequest

NUMBER = re.compile(r"(?:invoice|no\.?|number)\W*([A-Z]*-?\d[\w-]*)", re.IGNORECASE)
TOTAL = re.compile(r"^total\D*([\d.,]+)$", re.IGNORECASE | re.MULTILINE)
AMOUNT_TO_PAY = re.compile(r"^(?:amount due|balance|to pay).*?([\d.,]+)$", re.IGNORECASE | re.MULTILINE)


def small(request: EngineRequest) -> str:
    """Know only the most common words."""
    return answer(request, TOTAL)


def large(request: EngineRequest) -> str:
    """Know more of them."""
    return answer(request, AMOUNT_TO_PAY, TOTAL)


def answer(request: EngineRequest, *totals: re.Pattern[str]) -> str:
    """Return the fields that are found, as JSON."""
    text = request.document
    fields: dict[str, object] = {"supplier": text.strip().partition("\n")[0].strip()}
    number = NUMBER.search(text)
    if number:
        fields["number"] = number[1]
    found = next((match for pattern in totals if (match := pattern.search(text))), None)
    if found:
        fields["total"] = float(found[1].replace(",", ""))
    return json.dumps(fields)


ENGINES = {"small": small, "large": large}
