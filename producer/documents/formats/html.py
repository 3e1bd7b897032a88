"""The visible text of an HTML page: blocks on lines of their own, table cells parted by tabs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from producer.documents.encoding import decode
from producer.documents.extract import Extract
from producer.documents.refusal import RefusalCode, RefusedInputError

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

    from producer.documents.limits import IntakeLimits

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{1,40})", re.IGNORECASE)
_CHARSET_WITHIN_BYTES = 1024  # where the HTML standard looks for it
_UNSEEN = frozenset({"script", "style", "noscript", "template", "svg", "math", "iframe", "object", "head"})
# fmt: off
_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "details", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend", "li",
    "main", "nav", "ol", "option", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
))
# fmt: on
_CELLS = frozenset({"td", "th"})
_KEPT_SPACE = "\ue000"  # of a private area: stands for the spaces of preformatted text while others collapse
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_SPACES_AT_BREAKS = re.compile(r" *([\n\t]) *")
_BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")


def extract(data: bytes, limits: IntakeLimits) -> Extract:
    """Return what a reader sees, the title first.

    No markup is bad enough to be refused. Raises RefusedInputError for a wrong encoding, and where memory runs out.
    """
    declared = _CHARSET.search(data[:_CHARSET_WITHIN_BYTES])
    decoded = decode(data, declared[1].decode() if declared else None)
    page = _parsed(decoded.text, limits)
    title = page.css_first("title")
    parts = [_collapsed(title.text()), "\n"] if title else []
    if page.body:
        parts += _visible(page.body)
    text = _SPACES_AT_BREAKS.sub(r"\1", "".join(parts))
    text = _BLANK_LINES.sub("\n", text).strip().replace(_KEPT_SPACE, " ")
    return Extract(text, metadata={"guessed_encoding": decoded.guessed} if decoded.guessed else {})


def _parsed(text: str, limits: IntakeLimits) -> LexborHTMLParser:
    try:
        return LexborHTMLParser(text)
    except SelectolaxError as error:  # the parser accepts any markup: only memory can fail it
        raise RefusedInputError(
            RefusalCode.TOO_COSTLY, f"reading it takes more than {limits.reader_memory_bytes} bytes of memory"
        ) from error


def _visible(body: LexborNode) -> list[str]:
    """Walk without recursion: a page may nest as deep as it is long."""
    parts: list[str] = []
    waiting: list[LexborNode | str] = [body]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            parts.append(item)
        elif item.is_text_node:
            parts.append(_text_of(item))
        elif item.is_element_node and item.tag not in _UNSEEN:
            around = "\n" if item.tag in _BLOCKS else ""
            parts.append(around)
            waiting.append("\t" if item.tag in _CELLS else around)
            waiting.extend(reversed(list(item.iter(include_text=True))))
    return parts


def _text_of(node: LexborNode) -> str:
    text = node.text_content or ""
    parent = node.parent
    if parent is not None and parent.tag == "pre":
        return text.replace(" ", _KEPT_SPACE)
    return _collapsed(text)


def _collapsed(text: str) -> str:
    return _BLANKS.sub(" ", text)
