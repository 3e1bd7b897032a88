from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from producer.documents.refusal import Refusal, RefusalCode
from producer.documents.sources import FoundFile, check_inputs, find_files, shown
from routing.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files on three levels, hidden ones among them."""
    for name in ("b.txt", "a.TXT", ".hidden.txt", "sub/c.txt", "sub/deep/d.pdf", ".git/e.txt", "z.txt"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path / "in"


def _names(given: str | Path) -> list[str]:
    return [found.name for found in find_files(str(given)) if isinstance(found, FoundFile)]


def test_a_folder_gives_all_files_below_it_in_order(folder: Path) -> None:
    """A folder gives its visible files by their paths below it, sorted within each folder."""
    assert _names(folder) == ["a.TXT", "b.txt", "sub/c.txt", "sub/deep/d.pdf", "z.txt"]


def test_a_single_file_goes_by_its_name(folder: Path) -> None:
    """A file that is named goes by its own name, and its link would be followed."""
    (found,) = find_files(str(folder / "sub/c.txt"))
    assert found == FoundFile(folder / "sub/c.txt", "c.txt", named=True)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.txt", ["b.txt", "z.txt"]),
        ("**/*.txt", ["b.txt", "sub/c.txt", "z.txt"]),
        ("**", ["a.TXT", "b.txt", "sub/c.txt", "sub/deep/d.pdf", "z.txt"]),
        ("*", ["a.TXT", "b.txt", "z.txt"]),
        ("s?b/*.txt", ["sub/c.txt"]),
        ("[az].*", ["a.TXT", "z.txt"]),
        ("sub/*/*.pdf", ["deep/d.pdf"]),
    ],
)
def test_a_pattern_gives_files_by_their_path_below_its_fixed_part(folder: Path, pattern: str, names: list[str]) -> None:
    """A pattern gives visible files only, sorted, named below its part without wildcards."""
    assert _names(folder / pattern) == names


def test_a_relative_pattern_is_looked_for_in_the_working_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative patterns work."""
    monkeypatch.chdir(folder)
    assert _names("*.txt") == ["b.txt", "z.txt"]


def test_a_file_whose_name_looks_like_a_pattern_is_read(tmp_path: Path) -> None:
    """A file that is there is no pattern, whatever its name."""
    (tmp_path / "a[1].txt").write_text("x")
    assert _names(tmp_path / "a[1].txt") == ["a[1].txt"]


def test_links_are_found_but_not_entered(folder: Path) -> None:
    """A link to a folder is told as a file, so that opening refuses it, and a loop ends."""
    (folder / "loop").symlink_to(folder)
    assert "loop" in _names(folder)
    assert not any(name.startswith("loop/") for name in _names(folder))


def test_a_pattern_does_not_lead_through_links(folder: Path, tmp_path: Path) -> None:
    """What a pattern finds behind a link is refused."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other/secret.txt").write_text("x")
    (folder / "link").symlink_to(tmp_path / "other")
    (found,) = find_files(str(folder / "l*/*.txt"))
    assert isinstance(found, Refusal)
    assert found.code is RefusalCode.OUTSIDE_FOLDER


def test_a_pattern_ends_with_loops_of_links(folder: Path) -> None:
    """Two links that point back do not multiply."""
    (folder / "one").symlink_to(folder)
    (folder / "two").symlink_to(folder)
    assert len(list(find_files(str(folder / "**/*.txt")))) == 3


def test_a_folder_that_is_gone_is_refused(folder: Path) -> None:
    """A folder that goes away while it is read is a refusal, and the rest is read."""
    files = find_files(str(folder))
    assert isinstance(next(files), FoundFile)
    for path in (folder / "sub/deep/d.pdf", folder / "sub/c.txt"):
        path.unlink()
    (folder / "sub/deep").rmdir()
    (folder / "sub").rmdir()
    (refusal,) = [found for found in files if isinstance(found, Refusal)]
    assert refusal.code is RefusalCode.UNREADABLE


def test_a_deep_folder_does_not_end_the_stack(tmp_path: Path) -> None:
    """Folders nest deeper than Python recurses."""
    depth = 1_500
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        for _ in range(depth):
            os.mkdir("d")  # noqa: PTH102 - a path so deep can only be made step by step
            os.chdir("d")
        Path("x.txt").write_text("x")
    finally:
        os.chdir(here)
    (found,) = find_files(str(tmp_path))
    subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # deeper than pytest can clean up
    assert isinstance(found, FoundFile)
    assert found.name.count("/") == depth


@pytest.mark.parametrize("given", ["missing.txt", "*.none", "missing/*", "**x/*.txt"])
def test_an_input_that_is_not_there_is_told_at_once(folder: Path, given: str) -> None:
    """A missing path, a pattern without a match and a bad pattern are the user's to mend."""
    with pytest.raises(UsageError):
        check_inputs([folder / given])


def test_no_input_is_told() -> None:
    """No input at all is a mistake."""
    with pytest.raises(UsageError, match="no input"):
        check_inputs([])


def test_standard_input_is_read_once() -> None:
    """Standard input cannot be named twice."""
    with pytest.raises(UsageError, match="twice"):
        check_inputs(["-", "-"])


def test_inputs_that_are_there_pass(folder: Path) -> None:
    """Files, folders, patterns and standard input pass."""
    check_inputs([folder, str(folder / "b.txt"), str(folder / "*.txt"), "-"])


def test_a_path_is_shown_without_what_a_terminal_obeys() -> None:
    """Escapes and broken Unicode in a file's name are spelled out."""
    assert shown("a\x1b[31m\n" + os.fsdecode(b"\xff")) == r"a\x1b[31m\n\xff"
    assert shown("Zürich/日本.pdf") == "Zürich/日本.pdf"
