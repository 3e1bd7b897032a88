"""A task is read from its folder by value, and from nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from producer.task_folder import load_task
from routing.errors import InvalidFileError, UsageError
from routing.task import PydanticSchema

TASK = """\
task: t
schema: {schema}
prompt: {{system: system.md, user: "{{{{ text }}}}"}}
tiers: [{{name: cheap, model: small}}]
"""
MODEL = "from pydantic import BaseModel\n\n\nclass Receipt(BaseModel):\n    total: float\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A task folder with a pydantic schema."""
    return _folder(tmp_path / "task")


def _folder(path: Path, schema: str = "schema.py:Receipt") -> Path:
    path.mkdir()
    (path / "task.yaml").write_text(TASK.format(schema=schema))
    (path / "system.md").write_text("Extract the total.\n")
    (path / "schema.py").write_text(MODEL)
    return path


def _mistakes(path: Path) -> list[str]:
    with pytest.raises(InvalidFileError) as caught:
        load_task(path)
    return [str(problem) for problem in caught.value.problems]


def test_schema_and_prompts_are_kept_by_value(folder: Path) -> None:
    """A task is the same wherever its folder lies, and later edits change nothing that was frozen."""
    task = load_task(folder)
    assert isinstance(task.output, PydanticSchema)
    assert (task.output.source, task.tiers[0].system) == (MODEL, "Extract the total.\n")
    assert task.fingerprint == load_task(_folder(folder.parent / "elsewhere")).fingerprint
    assert task.fingerprint == load_task(folder / "task.yaml").fingerprint
    (folder / "system.md").write_text("Something else.")
    assert load_task(folder).fingerprint != task.fingerprint


def test_a_folder_without_a_task_is_told(tmp_path: Path) -> None:
    """The name of the file that is looked for is given."""
    with pytest.raises(UsageError, match=r"task\.yaml"):
        load_task(tmp_path)


@pytest.mark.parametrize("outside", ["../outside.md", "/etc/hostname.txt", "link.md", "folder/../../outside.md"])
def test_a_file_outside_the_folder_is_refused(folder: Path, outside: str) -> None:
    """Neither dots nor links nor absolute paths lead out of it."""
    (folder.parent / "outside.md").write_text("secret")
    (folder / "link.md").symlink_to(folder.parent / "outside.md")
    (folder / "folder").mkdir()
    (folder / "task.yaml").write_text(TASK.format(schema="schema.py:Receipt").replace("system.md", outside))
    (told,) = _mistakes(folder)
    assert "3:18" in told
    assert "outside the task's folder" in told


def test_a_file_that_is_missing_suggests_its_neighbour(folder: Path) -> None:
    """A slip of the finger is mended by one look."""
    (folder / "system.md").rename(folder / "sytem.md")
    (told,) = _mistakes(folder)
    assert told.endswith("there is no file `system.md` (did you mean `sytem.md`?)")


def test_mistakes_of_the_task_its_files_and_its_schema_are_told_at_once(folder: Path) -> None:
    """Form, missing files and a broken schema come together."""
    (folder / "task.yaml").write_text(TASK.format(schema="schema.py:Receipt") + "chekcs: {}\n")
    (folder / "system.md").unlink()
    (folder / "schema.py").write_text(MODEL + "\n\ndef broken(:\n")
    told = _mistakes(folder)
    assert len(told) == 3
    assert any("schema.py:8:" in problem for problem in told)


@pytest.mark.parametrize(
    ("schema", "text", "mistake"),
    [
        ("schema.py", MODEL, "write `schema.py:ClassName`"),
        ("schema.py:Nobody", MODEL, "Nobody"),
        ("schema.py:Receipt", "raise SystemExit\n", "schema.py"),
        ("schema.json", '{"type": "object",}', "this is not JSON"),
        ("schema.json", "[]", "it must be an object"),
        ("schema.json", '{"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:1/x"}}}', "schema.json"),
        ("schema.json", '{"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}}', "schema.json"),
        ("schema.json", '{"type": "object", "a": ' + "[" * 300 + "]" * 300 + "}", "schema.json"),
        ("nowhere.json", "", "there is no file `nowhere.json`"),
    ],
)
def test_a_schema_that_cannot_be_used_is_told(tmp_path: Path, schema: str, text: str, mistake: str) -> None:
    """Nothing outside the schema is fetched, and nothing it does escapes as a traceback."""
    folder = _folder(tmp_path / "task", schema)
    if not schema.startswith("nowhere"):
        (folder / schema.partition(":")[0]).write_text(text)
    assert any(mistake in problem for problem in _mistakes(folder))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"ok\nm\xfcde", b"x" * (5 * 1024 * 1024)])
def test_a_prompt_that_cannot_be_read_is_told_with_its_line(folder: Path, content: bytes) -> None:
    """Encodings and sizes are checked before anything runs."""
    (folder / "system.md").write_bytes(content)
    (told,) = _mistakes(folder)
    assert "system.md" in told


def test_a_prompt_may_stand_in_the_task_file(folder: Path) -> None:
    """A text of several lines is a prompt, though it ends like a file's name."""
    text = TASK.format(schema="schema.py:Receipt").replace("system.md", '"read this:\\nnotes.md"')
    (folder / "task.yaml").write_text(text)
    assert load_task(folder).tiers[0].system == "read this:\nnotes.md"
