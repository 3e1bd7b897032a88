"""Which baseline a report's saving is told against, in the same words wherever it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ESTIMATED = "an estimate from the tokens of each item's own calls"
MEASURED = "measured: what its own calls cost, and for every other item the mean of the"
MEASURED_ITEMS = "items that ran on both tiers"


def is_measured(report: Mapping[str, Any]) -> bool:
    """Whether a report's saving is told against the measured baseline: enough items ran on both tiers for it.

    The estimate is what there is without them. A report tells one of the two, never both.
    """
    saving = report.get("saving")
    return bool(saving and saving["is_shown"])


def last_tier(report: Mapping[str, Any]) -> str:
    """Return the tier the baseline is of: what all items would have cost on this one alone."""
    return list(report["tiers"])[-1] if report["tiers"] else "the last tier"


def too_few(more_needed: int | None) -> str:
    """Return what is missing for something to be shown from items that ran on both tiers."""
    if more_needed is None:
        return "not enough data: it lies so near the limit that no number of items would tell"
    return f"not enough data: {more_needed:,} more items that run on both tiers are needed, if they are like those seen"


def quality_words(quality: Mapping[str, Any]) -> str:
    """Return the verdict on a job's quality, with how many more items it takes where they are too few."""
    if quality["safety"] == "not_enough_data":
        return too_few(quality["more_needed"])
    return str(quality["safety"]).replace("_", " ")
