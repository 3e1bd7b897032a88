"""The deployment file is found in one order, and its paths are its folder's."""

from __future__ import annotations

from pathlib import Path

import pytest

from routing.errors import InvalidFileError, UsageError
from workers.deployment import find_deployment, read_deployment

FILE = "models:\n  m: {provider: openai, model: x, server: s}\nservers:\n  s: {engines: sub/engines.py}\n"


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """Four deployment files: named, from the environment, here, and beside the task."""
    found = {}
    for name in ("named", "environment", "here", "task"):
        (tmp_path / name).mkdir()
        found[name] = tmp_path / name / "cheapfirst.yaml"
        found[name].write_text(FILE)
    return found


def test_the_most_explicit_file_wins(places: dict[str, Path]) -> None:
    """Named, then the environment's, then the one here, then the task's own."""
    here, task = places["here"].parent, places["task"].parent
    assert find_deployment(places["named"], places["environment"], task, here) == places["named"]
    assert find_deployment(None, places["environment"], task, here) == places["environment"]
    assert find_deployment(None, None, task, here) == places["here"]
    assert find_deployment(None, None, task / "task.yaml", task.parent) == places["task"]


def test_where_there_is_none_the_places_are_told(tmp_path: Path) -> None:
    """And the command that writes one."""
    with pytest.raises(UsageError, match="cheapfirst init"):
        find_deployment(None, None, tmp_path / "task", tmp_path)
    with pytest.raises(UsageError, match="CHEAPFIRST_DEPLOYMENT"):
        find_deployment(None, tmp_path / "nowhere.yaml", None, tmp_path)


def test_paths_are_relative_to_the_file(places: dict[str, Path]) -> None:
    """A deployment means the same from wherever it is used."""
    spec = read_deployment(places["here"])
    assert spec.servers["s"].engines == str(places["here"].parent / "sub" / "engines.py")
    assert spec.servers["s"].recordings == ""


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder, and a file in another encoding."""
    (tmp_path / "latin.yaml").write_bytes(b"models: \xfc")
    for path in (tmp_path, tmp_path / "latin.yaml"):
        with pytest.raises(InvalidFileError, match=path.name):
            read_deployment(path)
