from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.documents.extract import Extract
from producer.documents.formats.html import extract
from producer.documents.limits import IntakeLimits
from producer.documents.refusal import RefusalCode, RefusedInputError


def _text(page: str) -> str:
    return extract(page.encode(), IntakeLimits()).text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>one<p>two", "one\ntwo"),
        ("a <b>bold</b>er\n  word", "a bolder word"),
        ("one<br>two", "one\ntwo"),
        ("<table><tr><td>Total</td><td>9.00</td></tr><tr><th>a<th>b</table>", "Total\t9.00\na\tb"),
        ("<ul><li>one<li>two</ul>", "one\ntwo"),
        ("<pre>a  b\n  c</pre>", "a  b\n  c"),
        ("<div>\n\n <div> x </div>\n\n</div>y", "x\ny"),
        ("1 &lt; 2 &amp; 3&nbsp;4", "1 < 2 & 3\xa04"),
        ("", ""),
    ],
)
def test_visible_text_keeps_its_lines_and_cells(page: str, text: str) -> None:
    """Blocks stand on lines of their own, cells are parted by tabs, blanks collapse."""
    assert _text(page) == text


@pytest.mark.parametrize("tag", ["script", "style", "noscript", "template", "svg", "iframe"])
def test_what_nobody_sees_is_left_out(tag: str) -> None:
    """Scripts, styles and the like are no text."""
    assert _text(f"<p>a<{tag}>hidden()</{tag}>b<!-- hidden -->") == "ab"


def test_the_title_comes_first() -> None:
    """The title is part of the text; the rest of the head is not."""
    page = "<html><head><title>An\n invoice</title><style>x{}</style></head><body>body</body></html>"
    assert _text(page) == "An invoice\nbody"


@pytest.mark.parametrize(
    "declaration", ['<meta charset="windows-1252">', "<META http-equiv=x content='text/html; charset=windows-1252'>"]
)
def test_the_pages_own_encoding_is_used(declaration: str) -> None:
    """A page that declares its encoding is read in it."""
    assert extract(f"{declaration}<p>Köln".encode("cp1252"), IntakeLimits()) == Extract("Köln")


def test_a_guessed_encoding_is_in_the_metadata() -> None:
    """A page that declares nothing is guessed, and that is told."""
    assert extract("<p>Köln".encode("cp1252"), IntakeLimits()).metadata == {"guessed_encoding": "cp1252"}


def test_bytes_outside_the_declared_encoding_are_refused() -> None:
    """A page that breaks its own declaration is refused."""
    with pytest.raises(RefusedInputError) as caught:
        extract(b'<meta charset="utf-8"><p>K\xf6ln', IntakeLimits())
    assert caught.value.code is RefusalCode.NOT_TEXT


def test_deep_nesting_does_not_end_the_stack() -> None:
    """Tags nest deeper than Python recurses."""
    assert _text("<b>" * 5_000 + "x") == "x"


@settings(deadline=None)  # the first example imports the parser
@given(st.text(alphabet="<>/abptdrl =\"'&;!-\n", max_size=200))
def test_any_markup_is_read(page: str) -> None:
    """No markup raises."""
    assert isinstance(_text(page), str)
