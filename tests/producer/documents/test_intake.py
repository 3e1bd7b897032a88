from __future__ import annotations

import io
from pathlib import Path

import pytest

from producer.documents.intake import read_documents
from producer.documents.limits import IntakeLimits
from routing.document import Document
from routing.errors import UsageError
from routing.row_reader import RowReader
from routing.task import InputSpec
from tests.support.documents import pdf, take_in, word, write_lines


def test_every_format_in_a_folder_is_read(tmp_path: Path) -> None:
    """A folder of all formats gives one document for each file, one for each row."""
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "b.md").write_text("# markdown")
    (tmp_path / "c.pdf").write_bytes(pdf("pdf"))
    (tmp_path / "d.docx").write_bytes(word("word"))
    (tmp_path / "e.html").write_text("<p>html")
    (tmp_path / "f.json").write_text('{"invoice": 1}')
    write_lines(tmp_path / "g.jsonl", {"custom_id": "row", "text": "jsonl"})
    (tmp_path / "h.csv").write_text("custom_id,text\ncell,csv\n")
    taken_in = take_in(tmp_path)
    assert [(document.custom_id, document.text, document.pages) for document in taken_in.documents] == [
        ("a.txt", "text", None),
        ("b.md", "# markdown", None),
        ("c.pdf", "pdf", 1),
        ("d.docx", "word", None),
        ("e.html", "html", None),
        ("f.json", '{"invoice": 1}', None),
        ("row", "jsonl", None),
        ("cell", "csv", None),
    ]
    assert not taken_in.refusals


def test_documents_are_named_by_their_path_below_what_was_given(tmp_path: Path) -> None:
    """A folder's files go by their path in it, a single file by its name."""
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/sub/a.txt").write_text("a")
    assert take_in(tmp_path / "in").ids == ["sub/a.txt"]
    assert take_in(tmp_path / "in/sub/a.txt").ids == ["a.txt"]
    assert take_in(str(tmp_path / "in/*/*.txt")).ids == ["sub/a.txt"]


def test_an_id_is_unique_over_all_inputs(tmp_path: Path) -> None:
    """The second document of a name is refused, told with its place, whatever file it is in."""
    first = write_lines(tmp_path / "one.jsonl", {"custom_id": "a", "text": "x"})
    second = write_lines(tmp_path / "two.jsonl", {"custom_id": "b", "text": "x"}, {"custom_id": "a", "text": "y"})
    taken_in = take_in(first, second)
    assert taken_in.ids == ["a", "b"]
    (refusal,) = taken_in.refusals
    assert (refusal.source, refusal.line, refusal.code, refusal.custom_id) == (str(second), 2, "duplicate_id", "a")


def test_labels_reach_files_and_rows(tmp_path: Path) -> None:
    """Labels are found by custom_id."""
    (tmp_path / "a.txt").write_text("a")
    (document,) = take_in(tmp_path, labels={"a.txt": {"total": 1}}).documents
    assert document.expected == {"total": 1}


def test_a_missing_input_is_told_before_anything_is_read(tmp_path: Path) -> None:
    """The error comes with the call, not with the first document."""
    with pytest.raises(UsageError):
        read_documents([tmp_path / "missing"], RowReader(InputSpec()))


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        (b'{"text": "a"}\n\n{"custom_id": "b", "text": "b"}\n', ["stdin:1", "b"]),
        (b'\n \n{"text": "a"}\n', ["stdin:3"]),
        ('{"text": "é"}\n'.encode("utf-8-sig"), ["stdin:1"]),
        ('{"text": "é"}\n'.encode("utf-16"), ["stdin:1"]),
        (b'{"text": "a"}\n' * 1_000, [f"stdin:{line}" for line in range(1, 1_001)]),
        (b"An invoice\nTotal: 9.00\n", ["stdin"]),
        ("Café".encode("cp1252"), ["stdin"]),
    ],
)
def test_standard_input_is_rows_or_one_text(data: bytes, ids: list[str]) -> None:
    """Standard input that begins with an object is JSONL, anything else one document."""
    taken_in = take_in("-", stdin=io.BytesIO(data))
    assert taken_in.ids == ids
    assert not taken_in.refusals


@pytest.mark.parametrize(
    ("data", "code"), [(b"", "empty"), (b" \n", "empty"), (b"x" * 300, "too_large"), (b"\x00\xff\x00", "not_text")]
)
def test_standard_input_that_is_no_document_is_refused(data: bytes, code: str) -> None:
    """An unusable standard input is one refusal."""
    taken_in = take_in("-", stdin=io.BytesIO(data), limits=IntakeLimits(max_file_bytes=200))
    assert taken_in.codes == [code]


def test_standard_input_that_fails_is_refused() -> None:
    """An error of the pipe is a refusal."""

    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    assert take_in("-", stdin=Broken()).codes == ["unreadable"]


def test_a_link_the_user_names_is_followed_and_one_in_a_folder_is_not(tmp_path: Path) -> None:
    """Naming a link is a decision; finding one is not."""
    (tmp_path / "in").mkdir()
    (tmp_path / "target.txt").write_text("x")
    (tmp_path / "in/link.txt").symlink_to(tmp_path / "target.txt")
    assert take_in(tmp_path / "in/link.txt").ids == ["link.txt"]
    assert take_in(tmp_path / "in").codes == ["outside_folder"]


def test_what_was_read_before_a_file_broke_is_kept(tmp_path: Path) -> None:
    """A CSV that breaks at its end gives the rows before."""
    (tmp_path / "a.csv").write_text('custom_id,text\n1,a\n2,"' + "x\n" * 200)
    taken_in = take_in(tmp_path / "a.csv", limits=IntakeLimits(max_line_bytes=100))
    assert taken_in.ids == ["1"]
    assert taken_in.codes == ["too_large"]


def test_reading_may_stop_at_any_document(tmp_path: Path) -> None:
    """A reader that is not read to its end cleans up behind itself."""
    path = write_lines(tmp_path / "a.jsonl", {"text": "a"}, {"text": "b"})
    documents = read_documents([path], RowReader(InputSpec()))
    assert isinstance(next(documents), Document)
    documents.close()
    with pytest.raises(StopIteration):
        next(documents)
