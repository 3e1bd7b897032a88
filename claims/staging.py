"""A folder in which a case can run: task, deployment, recordings, and the two halves as inputs."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from claims.case import Case
    from claims.recorded_set import Document, Halves

TASKS = Path(__file__).parent / "tasks"
EXAMPLES = Path(__file__).parents[1] / "examples"
_SOURCES = {
    "receipts": (EXAMPLES / "receipts",),
    "committees": (EXAMPLES / "committees", TASKS / "committees"),
    "json_answers": (TASKS / "answers",),
    "mmlu_routing": (TASKS / "questions",),
}
_NOT_TAKEN = shutil.ignore_patterns(
    "documents", "labels.jsonl", "generate.py", "gemma.yaml", "README.md", "__pycache__"
)
_NOTE = "list price when recorded; tokens estimated as characters / 4"


@dataclass(frozen=True, slots=True)
class Stage:
    """The files of a case. `learning` is the task by which outcomes are learned from."""

    task: Path
    learning: Path
    deployment: Path
    tuning: Path
    testing: Path
    home: Path


def set_stage(case: Case, halves: Halves, folder: Path) -> Stage:
    """Write a case's files into a folder, and return where they are."""
    place = folder / case.task
    task = place / "task"
    for source in _SOURCES[case.data_set]:
        shutil.copytree(source, task, ignore=_NOT_TAKEN, dirs_exist_ok=True)
    _change(task / "task.yaml", case)
    if case.learn_from:
        _change(task / case.learn_from, case)
    if case.models:
        _write_deployment(case, task / "cheapfirst.yaml", place / "recordings.jsonl")
        recorded = [model.recorded for model in case.models.values()]
        _write(place / "recordings.jsonl", _rows((*halves.tuning, *halves.testing), recorded))
    return Stage(
        task=task / "task.yaml",
        learning=task / (case.learn_from or "task.yaml"),
        deployment=task / "cheapfirst.yaml",
        tuning=_write(place / "tuning.jsonl", _rows(halves.tuning)),
        testing=_write(place / "testing.jsonl", _rows(halves.testing)),
        home=place / "home",
    )


def _change(file: Path, case: Case) -> None:
    """Put the case's sections into a task file; its tiers are asked as they are, with the case's models."""
    task: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    if case.models:
        task["tiers"] = [{"name": "cheap", "model": "first"}, {"name": "expensive", "model": "last"}]
    changed = {**task, "task": case.task, **case.changes}
    if case.more_rules:
        changed["checks"] = {**changed["checks"], "rules": [*changed["checks"]["rules"], *case.more_rules]}
    file.write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")


def _write_deployment(case: Case, file: Path, recordings: Path) -> None:
    models = {
        name: {
            "provider": "openai",
            "model": model.recorded,
            "server": "recorded",
            "price": {"input": model.input_usd, "output": model.output_usd, "note": _NOTE},
        }
        for name, model in case.models.items()
    }
    deployment = {
        "servers": {"recorded": {"recordings": str(recordings)}},
        "models": models,
        "queues": {"cheap": {"concurrency": 50, "chunk": 16}, "expensive": {"concurrency": 50, "chunk": 16}},
    }
    file.write_text(yaml.safe_dump(deployment, sort_keys=False), encoding="utf-8")


def _rows(documents: Iterable[Document], models: Sequence[str] = ()) -> list[dict[str, Any]]:
    return [document.row(models) for document in documents]


def _write(file: Path, rows: Iterable[dict[str, Any]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return file
