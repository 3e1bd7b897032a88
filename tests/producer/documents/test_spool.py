from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from producer.documents.refusal import Refusal, RefusalCode
from producer.documents.spool import Spool
from routing.document import Document
from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST = Document("a", "one\ntwo é", {"x": [1, None], "w": {"k": "v"}}, {"total": "9.00"}, 3)
SECOND = Document("b", "three")
REFUSED = Refusal("in.jsonl", 3, RefusalCode.EMPTY, "its text is blank", "c")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool of two documents and a refusal."""
    with Spool(tmp_path / "spool") as spool:
        spool.fill([FIRST, REFUSED, SECOND])
        yield spool


def _fingerprint(path: Path, *documents: Document) -> str:
    with Spool(path) as spool:
        spool.fill(documents)
        return spool.fingerprint


def test_documents_come_back_in_order_as_often_as_asked(spool: Spool) -> None:
    """Documents are read again unchanged, also by two readers at once."""
    assert list(spool) == [FIRST, SECOND]
    assert list(zip(spool, spool, strict=True)) == [(FIRST, FIRST), (SECOND, SECOND)]
    assert spool.count == 2


def test_refusals_are_counted_and_kept(spool: Spool) -> None:
    """Refusals are counted by code and read back."""
    assert spool.refused == {RefusalCode.EMPTY: 1}
    assert list(spool.refusals()) == [REFUSED]


def test_the_file_of_refusals_stays_and_the_documents_do_not(tmp_path: Path) -> None:
    """After the spool only the refusals are left, for their owner's eyes."""
    with Spool(tmp_path) as spool:
        spool.fill([FIRST, REFUSED])
        assert [path.name for path in tmp_path.iterdir()] == ["refused.jsonl"]
    assert [path.name for path in tmp_path.iterdir()] == ["refused.jsonl"]
    assert stat.S_IMODE(spool.refused_path.stat().st_mode) == 0o600


def test_without_refusals_nothing_is_left(tmp_path: Path) -> None:
    """A file of refusals of an earlier run does not outlive a run without any."""
    (tmp_path / "refused.jsonl").write_text("{}")
    with Spool(tmp_path) as spool:
        spool.fill([FIRST])
        assert list(spool.refusals()) == []
    assert list(tmp_path.iterdir()) == []


def test_equal_content_has_an_equal_fingerprint(tmp_path: Path) -> None:
    """The fingerprint does not depend on the order of keys, nor on what was refused."""
    reordered = Document("a", "one\ntwo é", {"w": {"k": "v"}, "x": [1, None]}, {"total": "9.00"}, 3)
    with Spool(tmp_path) as spool:
        spool.fill([REFUSED, reordered])
        spool.fill([SECOND])
        assert spool.fingerprint == _fingerprint(tmp_path / "other", FIRST, SECOND)


@pytest.mark.parametrize(
    "other",
    [
        Document("b", "one"),
        Document("a", "two"),
        Document("a", "one", {"x": 1}),
        Document("a", "one", expected={}),
        Document("a", "one", pages=1),
    ],
)
def test_other_content_has_another_fingerprint(tmp_path: Path, other: Document) -> None:
    """Each part of a document counts."""
    assert _fingerprint(tmp_path, Document("a", "one")) != _fingerprint(tmp_path, other)


def test_the_order_of_documents_counts(tmp_path: Path) -> None:
    """The same documents in another order are other content."""
    assert _fingerprint(tmp_path, FIRST, SECOND) != _fingerprint(tmp_path, SECOND, FIRST)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Where the spool cannot be written, the user is told where."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file"):
        Spool(tmp_path / "file")


def test_refusals_are_not_written_through_a_link(tmp_path: Path) -> None:
    """A link in the place of the file is not followed."""
    (tmp_path / "refused.jsonl").symlink_to(tmp_path / "other")
    with pytest.raises(UsageError):
        Spool(tmp_path)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(("file", "outcome"), [("_documents", FIRST), ("_refusals", REFUSED)])
def test_a_full_disk_is_told(tmp_path: Path, file: str, outcome: Document | Refusal) -> None:
    """A write that fails is the user's to mend, and closing does not fail again."""
    with Spool(tmp_path) as spool:
        getattr(spool, file).close()
        setattr(spool, file, open("/dev/full", "wb"))  # noqa: PTH123, SIM115 - the disk that is always full
        with pytest.raises(UsageError, match="cannot be written"):
            spool.fill([outcome])
