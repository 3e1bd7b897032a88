"""What rules may ask of an item, and what of it may be kept."""

from __future__ import annotations

import pytest

from routing.decision import Signal
from routing.expressions.expression import Expression, compile_expression
from routing.item_facts import FACT_NAMES, ItemFacts
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


def _signals(condition: str, metadata: JsonObject) -> dict[str, Signal]:
    compiled = compile_expression(condition, FACT_NAMES | {"flags.*"})
    assert isinstance(compiled, Expression)
    return _facts(metadata=metadata).signals(compiled)


def test_signals_hold_numbers_flags_and_nulls_and_no_objects() -> None:
    """Wherever they are from."""
    condition = "metadata.nested.count > 1 and flags.fast and pages == null and metadata.nested != null"
    assert _signals(condition, {"nested": {"count": 2}}) == {
        "metadata.nested.count": 2,
        "flags.fast": True,
        "pages": None,
    }


@pytest.mark.parametrize(
    ("condition", "signals"),
    [
        ("metadata.note == 'gold'", {"metadata.note": "gold"}),
        ("'silver' != metadata.note", {"metadata.note.characters": 4}),
        ("metadata.note in ['silver', 'gold']", {"metadata.note": "gold"}),
        ("metadata.note not in ['silver']", {"metadata.note.characters": 4}),
        ("'gold' in metadata.note", {"metadata.note.characters": 4}),
        ("metadata.note in 'all gold'", {"metadata.note.characters": 4}),
        ("matches(metadata.note, 'g.*')", {"metadata.note.characters": 4}),
        ("metadata.note == metadata.same", {"metadata.note.characters": 4, "metadata.same.characters": 4}),
        ("metadata.note != 'x' and metadata.same == 'gold'", {"metadata.note.characters": 4, "metadata.same": "gold"}),
    ],
)
def test_a_text_is_kept_only_where_the_condition_names_it(condition: str, signals: JsonObject) -> None:
    """Of any other only the length is told, however short it is."""
    assert _signals(condition, {"note": "gold", "same": "gold"}) == signals


def test_the_text_is_kept_out_of_the_facts_name() -> None:
    """What is logged of facts by mistake holds no document."""
    assert "secret" not in repr(_facts("secret text", {"key": "secret"}))
