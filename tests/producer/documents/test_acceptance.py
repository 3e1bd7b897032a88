from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from producer.documents.acceptance import Acceptance, checked_id
from producer.documents.extract import Extract
from producer.documents.refusal import RefusalCode, RefusedInputError
from producer.documents.seen_ids import SeenIds
from routing.document import Document

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def acceptance() -> Iterator[Acceptance]:
    """An acceptance with a label and a short limit."""
    with SeenIds() as seen:
        yield Acceptance(seen, {"a": {"total": 1}}, max_text_chars=10)


def _code(acceptance: Acceptance, extract: Extract, custom_id: str = "a") -> RefusalCode:
    with pytest.raises(RefusedInputError) as caught:
        acceptance.accept(custom_id, extract)
    return caught.value.code


def test_a_document_gets_its_label(acceptance: Acceptance) -> None:
    """The labels' entry for the id becomes what is expected."""
    extract = Extract("text", 2, {"b": 1})
    assert acceptance.accept("a", extract) == Document("a", "text", {"b": 1}, {"total": 1}, 2)


@pytest.mark.parametrize("own", [{"total": 2}, {}])
def test_a_documents_own_label_wins(acceptance: Acceptance, own: dict[str, int]) -> None:
    """What the row itself expects wins, even where it is an empty object."""
    assert acceptance.accept("a", Extract("text"), own).expected == own


@pytest.mark.parametrize(
    ("extract", "code"),
    [
        (Extract(""), RefusalCode.EMPTY),
        (Extract(" \n\t\u3000"), RefusalCode.EMPTY),
        (Extract("x" * 11), RefusalCode.TOO_LARGE),
        (Extract("a\0"), RefusalCode.NOT_STORABLE),
        (Extract("a", metadata={"b": "\0"}), RefusalCode.NOT_STORABLE),
    ],
)
def test_what_cannot_be_used_is_refused(acceptance: Acceptance, extract: Extract, code: RefusalCode) -> None:
    """Blank, long and unstorable documents are refused."""
    assert _code(acceptance, extract) is code


def test_a_label_of_its_own_must_be_storable(acceptance: Acceptance) -> None:
    """What is expected is stored too."""
    with pytest.raises(RefusedInputError, match="NUL"):
        acceptance.accept("a", Extract("text"), {"total": "\0"})


def test_an_id_passes_once(acceptance: Acceptance) -> None:
    """The second document of a name is refused."""
    acceptance.accept("a", Extract("one"))
    assert _code(acceptance, Extract("two")) is RefusalCode.DUPLICATE_ID


def test_a_refused_document_does_not_take_its_id(acceptance: Acceptance) -> None:
    """An id counts as used with the first document that is taken in."""
    assert _code(acceptance, Extract("")) is RefusalCode.EMPTY
    assert acceptance.accept("a", Extract("one")).custom_id == "a"


def test_an_unusable_id_is_refused() -> None:
    """The id is checked by itself, before there is a text."""
    assert checked_id("a") == "a"
    with pytest.raises(RefusedInputError) as caught:
        checked_id("a\n")
    assert caught.value.code is RefusalCode.INVALID_ID
