"""Which file ending is read by what. To add a format: write its module beside this one and name it here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Modules with `extract(data, limits) -> Extract`: one file is one document.
PLAIN_READERS: Mapping[str, str] = {
    ".txt": "producer.documents.formats.text",
    ".md": "producer.documents.formats.text",
}
# The same, for formats whose parsers may loop, crash or swell: run in the limited process only.
LIMITED_READERS: Mapping[str, str] = {
    ".pdf": "producer.documents.formats.pdf",
    ".docx": "producer.documents.formats.docx",
    ".html": "producer.documents.formats.html",
    ".htm": "producer.documents.formats.html",
}
# Modules with `read_rows(file, limits) -> Iterator[Row | BadRow]`: one file is many documents.
ROW_READERS: Mapping[str, str] = {
    ".json": "producer.documents.formats.json",
    ".jsonl": "producer.documents.formats.jsonl",
    ".csv": "producer.documents.formats.csv",
}
ENDINGS: tuple[str, ...] = (*PLAIN_READERS, *LIMITED_READERS, *ROW_READERS)
