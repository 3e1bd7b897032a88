from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from producer.cli.printable import one_line, printable


@given(st.text())
def test_no_text_can_command_a_terminal(text: str) -> None:
    """Control characters are shown, not obeyed."""
    assert all(character.isprintable() or character in "\n\t" for character in printable(text))


@given(st.text(st.characters(categories=["L", "N", "P"])))
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    """Letters of all scripts stay."""
    assert printable(text) == text


@given(st.text(), st.integers(1, 200))
def test_one_line_is_one_line_of_the_width(text: str, width: int) -> None:
    """A document's beginning never breaks the page."""
    line = one_line(text, width)
    assert len(line) <= width
    assert "\n" not in line


def test_what_is_left_out_is_told() -> None:
    """An ellipsis stands for the rest."""
    assert one_line("one\ntwo   three", 20) == "one two three"
    assert one_line("one two three", 8) == "one two…"
