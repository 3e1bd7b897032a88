"""Every command of the README runs, and every snippet of a file in the docs is one the program reads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from producer.task_folder import load_task
from routing.deployment_file import parse_deployment_file
from routing.task_file import parse_task_file

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ELSEWHERE = {
    "make demo": ".ci/run runs it on a clean clone",
    "make test": "this is it",
    ". .venv/bin/activate": "the tests run in that environment",
    "cheapfirst db upgrade": "tests/e2e/test_workers_apart.py",
    "cheapfirst worker cheap --concurrency 200": "tests/e2e/test_workers_apart.py",
    "cheapfirst worker expensive --concurrency 20": "tests/e2e/test_workers_apart.py",
    "cheapfirst submit invoices invoices/documents": "tests/e2e/test_workers_apart.py",
    "cheapfirst status --watch": "tests/e2e/test_workers_apart.py",
}


def _blocks(file: str, language: str) -> list[str]:
    return [text for found, text in BLOCK.findall((ROOT / file).read_text()) if found == language]


def test_every_command_of_the_readme_runs(tmp_path: Path) -> None:
    """A reader who types them in order, in an empty folder, sees each of them work."""
    bin_folder = Path(sys.executable).parent
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CHEAPFIRST_")}
    environment |= {"PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    environment.pop("REDIS_URL", None)
    environment.pop("DATABASE_URL", None)
    commands = [line for block in _blocks("README.md", "sh") for line in block.splitlines() if line not in ELSEWHERE]
    assert commands
    script = "set -e\n" + "\n".join(f"{command} || test $? -eq 1" for command in commands)
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "first" / "results.csv").read_text().startswith("custom_id,state")


def test_commands_that_are_covered_elsewhere_are_in_the_readme() -> None:
    """The list of exceptions holds no command that the README dropped."""
    commands = {line for block in _blocks("README.md", "sh") for line in block.splitlines()}
    assert set(ELSEWHERE) <= commands


@pytest.mark.parametrize("file", ["README.md", "docs/deployment-file.md"])
def test_deployment_snippets_are_read(file: str) -> None:
    """What the docs show of cheapfirst.yaml has no mistake in it."""
    snippets = _blocks(file, "yaml")
    assert snippets
    for snippet in snippets:
        assert parse_deployment_file(snippet, file).models


def test_the_task_snippet_is_read() -> None:
    """What the docs show of task.yaml has no mistake in its form."""
    (snippet,) = _blocks("docs/task-file.md", "yaml")
    parsed, _, problems = parse_task_file(snippet, "docs/task-file.md")
    assert (problems, parsed is not None) == ([], True)


@pytest.mark.parametrize("file", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(file: str) -> None:
    """No link within the project is broken."""
    folder = (ROOT / file).parent
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / file).read_text()):
        assert (folder / link).exists(), link


def test_every_example_task_loads() -> None:
    """The tasks that ship have no mistake."""
    for task in sorted((ROOT / "examples").glob("*/*.yaml")):
        if task.name != "cheapfirst.yaml":
            assert load_task(task).tiers
