"""What rules may ask of an item, and what of it may be kept."""

from __future__ import annotations

import pytest

from routing.item_facts import ItemFacts
from routing.json_value import JsonObject

MONDAY_NOON = 1_795_435_200_000  # 2026-11-23 12:00 UTC


def _facts(text: str = "twelve chars", metadata: JsonObject | None = None, pages: int | None = None) -> ItemFacts:
    return ItemFacts("receipts", text, pages, metadata or {}, {"fast": True, "limit": 3}, MONDAY_NOON)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("task", "receipts"),
        ("characters", 12),
        ("tokens", 3),
        ("pages", None),
        ("hour", 12),
        ("weekday", 1),
        ("metadata", {}),
        ("flags", {"fast": True, "limit": 3}),
    ],
)
def test_a_fact_is_what_it_says(name: str, value: object) -> None:
    """Lengths in characters and estimated tokens, moments in UTC."""
    assert _facts().value(name) == value


def test_a_language_is_read_from_the_text_unless_the_metadata_knows_it() -> None:
    """The user's own word counts more than a guess."""
    german = "Die Rechnung ist innerhalb von dreißig Tagen ohne Abzug zu bezahlen."
    assert _facts(german).value("language") == "de"
    assert _facts("This invoice is due within thirty days of its date.").value("language") == "en"
    assert _facts(german, {"language": "nl"}).value("language") == "nl"


def test_signals_hold_numbers_flags_and_codes_and_no_content() -> None:
    """A long text in the metadata, or an object, is no signal."""
    facts = _facts(metadata={"tier": "gold", "note": "x" * 41, "nested": {"count": 2}})
    paths = {
        "metadata.tier": ("metadata", "tier"),
        "metadata.note": ("metadata", "note"),
        "metadata.nested": ("metadata", "nested"),
        "metadata.nested.count": ("metadata", "nested", "count"),
        "flags.fast": ("flags", "fast"),
        "pages": ("pages",),
    }
    assert facts.signals(paths.items()) == {
        "metadata.tier": "gold",
        "metadata.nested.count": 2,
        "flags.fast": True,
        "pages": None,
    }


def test_the_text_is_kept_out_of_the_facts_name() -> None:
    """What is logged of facts by mistake holds no document."""
    assert "secret" not in repr(_facts("secret text", {"key": "secret"}))
