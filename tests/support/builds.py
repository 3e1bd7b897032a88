"""Other builds of this program: an older one out of the repository's history, and one with a newer form of messages."""

from __future__ import annotations

import dataclasses
import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.support.runs import ROOT, Workplace

PACKAGES = ("claims", "evaluation", "gateway", "producer", "routing", "storage", "workers")
_VERSION = "VERSION = 1\n"
_FORM = "v: Literal[1] = 1\n"


def older_build(commit: str, folder: Path) -> Path:
    """Return a folder with the packages of a commit; skip the test where the history does not hold it."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed: there is no older build to be had")
    archive = subprocess.run([git, "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"this checkout has no commit {commit[:12]}: fetch the whole history to play an older build")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


def newer_build(folder: Path) -> Path:
    """Return a folder with this program as it may be one day: its messages are of version 2, and it reads version 1."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    messages = folder / "workers" / "messages.py"
    text = messages.read_text()
    assert text.count(_VERSION) == text.count(_FORM) == 1
    text = text.replace(_VERSION, "VERSION = 2\n").replace(_FORM, "v: Literal[1, 2] = 2\n")
    messages.write_text(text.replace("and version != VERSION", "and version > VERSION"))
    return folder


def using(place: Workplace, build: Path) -> Workplace:
    """Return the same workplace, whose commands are those of a build."""
    return dataclasses.replace(place, environment=place.environment | {"PYTHONPATH": str(build)})
