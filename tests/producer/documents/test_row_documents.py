from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from producer.documents.limits import IntakeLimits
from routing.document import Document
from routing.task import InputSpec
from tests.support.documents import TakenIn, pdf, take_in, write_lines

if TYPE_CHECKING:
    from pathlib import Path


def _rows(folder: Path, *rows: object, spec: InputSpec | None = None) -> TakenIn:
    (folder / "in").mkdir(exist_ok=True)
    return take_in(write_lines(folder / "in/rows.jsonl", *rows), spec=spec)


def test_a_row_has_an_id_a_text_metadata_and_labels(tmp_path: Path) -> None:
    """All parts of a row reach the document; other keys do not."""
    row = {"custom_id": "a", "text": "t", "metadata": {"user": "gold"}, "expected": {"total": 1}, "other": 1}
    assert _rows(tmp_path, row).documents == [Document("a", "t", {"user": "gold"}, {"total": 1})]


def test_a_row_without_an_id_is_named_by_its_file_and_line(tmp_path: Path) -> None:
    """The name is the same on every run, and blank lines count."""
    assert _rows(tmp_path, {"text": "a"}, b"", {"text": "b"}).ids == ["rows.jsonl:1", "rows.jsonl:3"]


def test_an_element_without_an_id_is_named_by_its_place(tmp_path: Path) -> None:
    """Elements of an array count from 1; a file that is one row goes by its own name."""
    (tmp_path / "many.json").write_text('[{"text": "a"}, {"text": "b"}]')
    (tmp_path / "one.json").write_text('{"text": "c"}')
    assert take_in(tmp_path).ids == ["many.json:1", "many.json:2", "one.json"]


def test_the_task_says_where_the_parts_are(tmp_path: Path) -> None:
    """Keys and templates of the task's input section are used."""
    spec = InputSpec(custom_id="id", text="{{ input.subject }}: {{ input.body }}", expected="reference")
    row = {"id": "e1", "input": {"subject": "s", "body": "b"}, "reference": {"committee": "c"}}
    assert _rows(tmp_path, row, spec=spec).documents == [Document("e1", "s: b", {}, {"committee": "c"})]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ([1], "invalid_row"),
        ("x", "invalid_row"),
        ({"custom_id": "a"}, "missing_text"),
        ({"custom_id": "", "text": "t"}, "invalid_id"),
        ({"custom_id": "a\n", "text": "t"}, "invalid_id"),
        ({"custom_id": "a" * 257, "text": "t"}, "invalid_id"),
        ({"custom_id": "a", "text": " "}, "empty"),
        ({"custom_id": "a", "text": "x\0"}, "not_storable"),
        ({"custom_id": "a", "text": "t", "metadata": {"b": "\0"}}, "not_storable"),
        ({"custom_id": "a", "text": "t", "metadata": [1]}, "invalid_row"),
        ({"custom_id": "a", "document": 1}, "invalid_row"),
        ({"custom_id": "a", "document": "a\0"}, "invalid_row"),
        ({"custom_id": "a", "document": "missing.txt"}, "unreadable"),
        ({"custom_id": "a", "document": "rows.jsonl"}, "unknown_format"),
        ({"custom_id": "a", "document": "rows"}, "unreadable"),
        ({"custom_id": "a", "document": "../secret.txt"}, "outside_folder"),
        ({"custom_id": "a", "document": "sub/../../secret.txt"}, "outside_folder"),
        ({"custom_id": "a", "document": "/etc/passwd"}, "outside_folder"),
        ({"custom_id": "a", "document": "link.txt"}, "outside_folder"),
        ({"custom_id": "a", "document": "up/secret.txt"}, "outside_folder"),
        ({"custom_id": "a", "document": "loop/x.txt"}, "outside_folder"),
        ({"custom_id": "a", "document": "scan.pdf"}, "no_text_layer"),
        ({"custom_id": "a", "document": "nul.txt"}, "not_storable"),
        ({"custom_id": "a", "method": "POST", "url": "/v1/embeddings", "body": {"input": "x"}}, "invalid_row"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_and_the_next_one_is_read(tmp_path: Path, row: object, code: str) -> None:
    """Each fault of a row has one code, and the row after it is read."""
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to("../secret.txt")
    (folder / "up").symlink_to("..")
    (folder / "loop").symlink_to("loop")
    (folder / "nul.txt").write_bytes(b"a\0b")
    (folder / "scan.pdf").write_bytes(pdf(""))
    taken_in = _rows(tmp_path, row, {"custom_id": "next", "text": "t"})
    assert taken_in.codes == [code]
    assert taken_in.refusals[0].line == 1
    assert taken_in.ids == ["next"]


def test_a_row_may_name_a_file_beside_it(tmp_path: Path) -> None:
    """The file's text and pages become the row's, its notes are added to the row's metadata."""
    (tmp_path / "in/scans").mkdir(parents=True)
    (tmp_path / "in/scans/a.PDF").write_bytes(pdf("page", ""))
    row = {"custom_id": "a", "document": "scans/a.PDF", "metadata": {"user": "gold"}, "expected": {}}
    (document,) = _rows(tmp_path, row).documents
    assert document == Document("a", "page\n\n", {"user": "gold", "pages_without_text": 1}, {}, 2)


def test_the_refusal_of_a_named_file_tells_which_row(tmp_path: Path) -> None:
    """The refusal has the row's line and id, and says that the file is meant."""
    (refusal,) = _rows(tmp_path, b"", {"custom_id": "a", "document": "missing.pdf"}).refusals
    assert (refusal.line, refusal.custom_id) == (2, "a")
    assert "document" in refusal.reason


def test_standard_input_names_no_files(tmp_path: Path) -> None:
    """Rows that come from nowhere have no folder to read from."""
    with write_lines(tmp_path / "a.jsonl", {"document": "a.jsonl"}).open("rb") as stdin:
        assert take_in("-", stdin=stdin).codes == ["outside_folder"]


def test_a_batch_line_is_a_row(tmp_path: Path) -> None:
    """A line of an OpenAI batch file becomes a document under its custom_id."""
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    line = {"custom_id": "b", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": messages}}
    assert _rows(tmp_path, line).documents == [Document("b", "u", {"system": "s"})]


def test_a_batch_line_keeps_its_id_whatever_the_task_calls_ids(tmp_path: Path) -> None:
    """The batch format's own key is used where the task's is not there."""
    line = {"custom_id": "b", "method": "", "url": "", "body": {"messages": [{"role": "user", "content": "u"}]}}
    assert _rows(tmp_path, line, spec=InputSpec(custom_id="id")).ids == ["b"]


def test_columns_of_a_table_are_metadata(tmp_path: Path) -> None:
    """Every column but the text is metadata, so that rules can ask for it."""
    (tmp_path / "a.csv").write_text("custom_id,text,user\n1,t,gold\n")
    (document,) = take_in(tmp_path / "a.csv").documents
    assert document == Document("1", "t", {"custom_id": "1", "user": "gold"})


def test_a_row_of_a_table_may_name_a_file(tmp_path: Path) -> None:
    """A column `document` names files beside the table."""
    (tmp_path / "a.csv").write_text("custom_id,document,user\n1,a.txt,gold\n")
    (tmp_path / "a.txt").write_text("t")
    (document,) = take_in(tmp_path / "a.csv").documents
    assert document == Document("1", "t", {"custom_id": "1", "user": "gold"})


def test_bytes_in_another_encoding_spoil_their_own_row_of_a_table(tmp_path: Path) -> None:
    """A cell that is not in the table's encoding is refused with its row."""
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbftext\nfine\nK\xf6ln\nfine too\n")
    taken_in = take_in(tmp_path / "a.csv")
    assert taken_in.ids == ["a.csv:2", "a.csv:4"]
    assert taken_in.codes == ["not_storable"]


@pytest.mark.parametrize("content", ['{"invoice": {"total": 1}}', "[1, 2]", '"text"', '{"metadata": {}}'])
def test_a_json_file_that_is_no_row_is_a_document(tmp_path: Path, content: str) -> None:
    """A file that does not say what its text is, is the text."""
    (tmp_path / "a.json").write_text(content)
    assert take_in(tmp_path).documents == [Document("a.json", content)]


def test_a_json_file_that_fails_the_tasks_template_is_refused(tmp_path: Path) -> None:
    """A template is asked for, so its failure is told rather than the file taken for a text."""
    (tmp_path / "a.json").write_text('{"id": "a"}')
    assert take_in(tmp_path, spec=InputSpec(text="{{ input.body }}")).codes == ["invalid_row"]


def test_the_refusal_of_an_element_tells_its_place(tmp_path: Path) -> None:
    """Where there are no lines, the element's number is told."""
    (tmp_path / "a.json").write_text('[{"text": "a"}, {"text": ""}]')
    (refusal,) = take_in(tmp_path).refusals
    assert refusal.line is None
    assert refusal.reason.startswith("element 2: ")


def test_deep_metadata_is_refused(tmp_path: Path) -> None:
    """Metadata deeper than can be written is refused, not an error later."""
    line = b'{"text": "t", "metadata": ' + b'{"a":' * 300 + b"1" + b"}" * 301
    assert _rows(tmp_path, line).codes == ["not_storable"]


def test_a_row_longer_than_a_text_may_be_is_refused(tmp_path: Path) -> None:
    """The length of a text is bounded for rows too."""
    path = write_lines(tmp_path / "a.jsonl", {"text": "x" * 11})
    assert take_in(path, limits=IntakeLimits(max_text_chars=10)).codes == ["too_large"]
