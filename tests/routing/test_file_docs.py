"""Every key of the two kinds of file is documented, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from routing.deployment_file import DeploymentFile
from routing.file_errors import _model_of
from routing.task_file_sections import TaskFile

DOCS = Path(__file__).parents[2] / "docs"


def _keys(model: type[BaseModel], prefix: str = "") -> set[str]:
    keys = set()
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        inner = _model_of(field.annotation)
        if inner is None:
            keys.add(path)
            continue
        annotation = str(field.annotation)
        mark = "[]" if annotation.startswith("list") else ".NAME" if annotation.startswith("dict") else ""
        keys |= _keys(inner, f"{path}{mark}.")
    return keys


def _documented(file: str) -> set[str]:
    found: set[str] = set()
    for row in re.findall(r"^\| (`[^|]+) \|", (DOCS / file).read_text(), re.MULTILINE):
        names = re.findall(r"`([^`]+)`", row)
        first = names[0]
        found |= {name if not name.startswith(".") else first.rpartition(".")[0] + name for name in names}
    return found


@pytest.mark.parametrize(("file", "model"), [("task-file.md", TaskFile), ("deployment-file.md", DeploymentFile)])
def test_every_key_is_documented(file: str, model: type[BaseModel]) -> None:
    """A reader finds each key of the file, and no key that is not there."""
    keys = _keys(model)
    assert keys <= _documented(file)
    assert {key for key in _documented(file) if key not in {"models.NAME", "tiers"}} <= keys
