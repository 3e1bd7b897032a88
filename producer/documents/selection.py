"""Some of the documents of an input, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producer.documents.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from routing.document import Document


def only_named(documents: Iterable[Document | Refusal], names: frozenset[str]) -> Iterator[Document]:
    """Yield the documents of these names; whatever else there is, refusals too, is left out."""
    for document in documents:
        if not isinstance(document, Refusal) and document.custom_id in names:
            yield document
