"""What the user names, expanded into files: a file, a pattern, or a folder with all below it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from producer.documents.opening import refused_by_system
from producer.documents.refusal import Refusal, RefusalCode
from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STDIN = "-"
_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to read. `name` is its custom_id: its path below the folder or pattern given, or its own name.

    `named` tells that the user gave this very path, so that a link is followed.
    """

    path: Path
    name: str
    named: bool = False

    @property
    def ending(self) -> str:
        """The file's ending in lower case, with its dot."""
        return self.path.suffix.lower()


def check_inputs(inputs: Sequence[str | Path]) -> None:
    """Raise UsageError for the first input that is not there, before anything is read."""
    given = [str(item) for item in inputs]
    if not given:
        raise UsageError("There is no input.", "Name a file, a folder, a pattern, or - for standard input.")
    if given.count(STDIN) > 1:
        raise UsageError("Standard input (-) is named twice.", "It can be read once.")
    for item in given:
        if item != STDIN and not Path(item).exists() and next(_matches(item), None) is None:
            raise UsageError(f"No such file or folder, and nothing matches: {shown(item)}.", "Check the path.")


def find_files(given: str) -> Iterator[FoundFile | Refusal]:
    """Yield the files of one input in a stable order; what cannot be looked into is refused.

    In folders and patterns, hidden files are skipped and links are not followed.
    """
    path = Path(given)
    if path.is_dir():
        yield from _walk(path)
    elif path.exists():
        yield FoundFile(path, path.name, named=True)
    else:
        yield from _matched_files(given)


def shown(path: str | Path) -> str:
    """Return a path as it can be printed and stored: control characters and broken Unicode are escaped."""
    readable = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in readable
    )


def _walk(root: Path) -> Iterator[FoundFile | Refusal]:
    """Hold only names, and those of one folder for each level: a folder may have millions of files."""
    folders: list[tuple[Path, list[str]]] = [(root, [""])]
    while folders:
        folder, names = folders[-1]
        if not names:
            folders.pop()
            continue
        path = folder / names.pop()
        try:
            if path == root or stat.S_ISDIR(path.lstat().st_mode):
                folders.append((path, _visible_names(path)))
                continue
        except OSError as error:
            refused = refused_by_system(error)
            yield Refusal(shown(path), None, refused.code, refused.reason)
            continue
        yield FoundFile(path, path.relative_to(root).as_posix())


def _visible_names(folder: Path) -> list[str]:
    """Return the names in a folder, the last one first."""
    return sorted((name for name in os.listdir(folder) if not name.startswith(".")), reverse=True)  # noqa: PTH208 - names, not paths: a folder may have millions


def _matched_files(given: str) -> Iterator[FoundFile | Refusal]:
    root = _fixed_part(given)
    for path in sorted(_matches(given)):
        link = _link_on_the_way(root, path)
        if link:
            yield Refusal(
                shown(path),
                None,
                RefusalCode.OUTSIDE_FOLDER,
                f"{shown(link)} is a symbolic link; name its target instead",
            )
        else:
            yield FoundFile(path, path.relative_to(root).as_posix())


def _matches(given: str) -> Iterator[Path]:
    root = _fixed_part(given)
    pattern = Path(given).relative_to(root)
    if not _MAGIC.intersection(str(pattern)):
        return
    if pattern.name == "**":
        pattern /= "*"
    try:
        for path in root.glob(str(pattern)):
            hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
            if not hidden and not path.is_dir():
                yield path
    except (ValueError, NotImplementedError) as error:
        raise UsageError(
            f"The pattern {shown(given)} is not valid: {error}.", "Quote it, and use * ? [] and **."
        ) from error


def _fixed_part(given: str) -> Path:
    """Return the folder above the first part with a wildcard."""
    root = Path(Path(given).anchor)
    for part in Path(given).relative_to(root).parts[:-1]:
        if _MAGIC.intersection(part):
            break
        root /= part
    return root


def _link_on_the_way(root: Path, path: Path) -> Path | None:
    below = path.relative_to(root).parents
    return next((root / parent for parent in below if (root / parent) != root and (root / parent).is_symlink()), None)
