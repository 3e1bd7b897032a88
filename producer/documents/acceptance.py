"""The last step before a document is taken in, the same for files and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer.documents.refusal import RefusalCode, RefusedInputError
from producer.documents.storable import id_problem, text_problem, value_problem
from routing.document import Document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from producer.documents.extract import Extract
    from producer.documents.seen_ids import SeenIds
    from routing.json_value import JsonObject
    from routing.label_check import LabelCheck


def checked_id(custom_id: str) -> str:
    """Return an id that can be used. Raises RefusedInputError."""
    if problem := id_problem(custom_id):
        raise RefusedInputError(RefusalCode.INVALID_ID, problem)
    return custom_id


class Acceptance:
    """Checks what is common to all documents, gives them their labels, and lets no id pass twice.

    Labels that documents bring are held against `label_check`, where there is one; those of `labels` were already.
    """

    def __init__(
        self,
        seen: SeenIds,
        labels: Mapping[str, JsonObject],
        max_text_chars: int,
        label_check: LabelCheck | None = None,
    ) -> None:
        self._seen = seen
        self._labels = labels
        self._label_check = label_check
        self._max_text_chars = max_text_chars

    def accept(
        self, custom_id: str, extract: Extract, expected: JsonObject | None = None, *, plain: bool = False
    ) -> Document:
        """Return the document; its own labels win over those of the labels file.

        `plain` tells that nothing in it needs a walk, see `Row`. Raises RefusedInputError.
        """
        text = extract.text
        if not text or text.isspace():
            raise RefusedInputError(RefusalCode.EMPTY, "its text is blank")
        if len(text) > self._max_text_chars:
            raise RefusedInputError(
                RefusalCode.TOO_LARGE, f"its text is longer than {self._max_text_chars} characters; split it"
            )
        if not plain:
            check_storable(extract, expected)
        if expected and self._label_check is not None and (wrong := self._label_check.problem(expected)):
            raise RefusedInputError(RefusalCode.INVALID_LABEL, str(wrong))
        if not self._seen.add(custom_id):
            raise RefusedInputError(
                RefusalCode.DUPLICATE_ID, "its custom_id was used before; ids are unique over the whole input"
            )
        if expected is None:
            expected = self._labels.get(custom_id)
        return Document(custom_id, text, extract.metadata, expected, extract.pages)


def check_storable(extract: Extract, expected: JsonObject | None = None) -> None:
    """Raise RefusedInputError where the text, the metadata or the labels cannot be stored."""
    problem = text_problem(extract.text) or value_problem(extract.metadata) or value_problem(expected)
    if problem:
        raise RefusedInputError(RefusalCode.NOT_STORABLE, problem)
