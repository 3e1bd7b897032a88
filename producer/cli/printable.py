"""Text of others on a terminal: documents and ids must not move the cursor or change the screen."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return text with every control character but newlines and tabs in its escaped form."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else character.encode("unicode_escape").decode()
        for character in text
    )


def one_line(text: str, width: int) -> str:
    """Return text as one line of at most `width` characters, the rest told by an ellipsis."""
    joined = " ".join(printable(text).split())
    return joined if len(joined) <= width else f"{joined[: width - 1]}…"
