"""Writing what a job's models answered as recordings, with a deployment that replays them."""

from __future__ import annotations

import heapq
import secrets
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from evaluation.replay.recording_row import recording_row
from evaluation.replay.redaction import Redactor
from evaluation.replay.redaction_rules import require_fields
from producer.json_text import json_line
from routing.compiled_task import CompiledTask
from routing.completion import Completion, FinishReason, TokenLogprob, TokenUsage
from routing.errors import NotFoundError, UsageError
from routing.field_names import field_names
from routing.money import NanoUsd, to_usd
from routing.price import PriceList
from routing.rollout import share_point
from storage import jobs, recorded_calls, results

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from evaluation.replay.redaction_rules import RedactionRule
    from routing.deployment import DeploymentSpec, QueueSpec
    from storage.database import Database
    from storage.jobs import JobRecord
    from storage.recorded_calls import CalledItem

RECORDINGS = "recordings.jsonl"
DEPLOYMENT = "cheapfirst.yaml"
SERVER = "recorded"
_SECRET_BYTES = 32
_PRICED_TOKENS = 1_000
"""Prices that grow with the context are taken at a call of this length."""
_HEADING = """\
# Written by `cheapfirst record`: recorded answers, given again by a server on loopback. Nothing is called live, and
# nothing is paid; prices are those the calls had.
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written. `left_out` are the items that have no answer to give again.

    `redacted` counts values by rule, `dropped` the answers that could not be redacted for sure. Of the first answers
    that are left, `verdicts_changed` are judged otherwise than before they were redacted; both are 0 without rules.
    """

    job: str
    folder: Path
    documents: int
    left_out: int
    models: tuple[str, ...]
    redacted: dict[str, int]
    dropped: int
    verdicts: int
    verdicts_changed: int


def record(
    database: Database,
    job: JobRecord,
    deployment: DeploymentSpec,
    folder: Path,
    rules: Sequence[RedactionRule],
    sample: int | None = None,
) -> Recorded:
    """Write a job's documents and answers, or those of a random `sample` of it, and a deployment beside them.

    Nothing that is there is overwritten. Raises UsageError where the folder cannot be written, NotFoundError where no
    model has answered yet.
    """
    redactor = Redactor(rules, secrets.token_bytes(_SECRET_BYTES))
    task = CompiledTask(jobs.frozen_task(database, job.id))
    require_fields(rules, field_names(task.task.output.json_schema))
    models: set[str] = set()
    count: Counter[str] = Counter()
    _make(folder)
    try:
        with (folder / RECORDINGS).open("xb") as file:
            for item in _chosen(database, job, sample):
                row = recording_row(item)
                redacted = redactor.redact(row) if rules and row["models"] else row
                if not redacted["models"]:
                    count["left_out"] += 1
                    continue
                models |= redacted["models"].keys()
                count["documents"] += 1
                if rules:
                    count += _compared(task, row, redacted)
                file.write(json_line(redacted))
        if models:
            (folder / DEPLOYMENT).write_text(_HEADING + _deployment(deployment, sorted(models)), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}.", "Name another folder.") from error
    if not models:
        (folder / RECORDINGS).unlink()
        raise NotFoundError(f"No model has answered in {job.name} yet.", "`cheapfirst status` tells how it stands.")
    return Recorded(
        job=job.name,
        folder=folder,
        documents=count["documents"],
        left_out=count["left_out"],
        models=tuple(sorted(models)),
        redacted=dict(redactor.found),
        dropped=redactor.dropped,
        verdicts=count["verdicts"],
        verdicts_changed=count["changed"],
    )


def _make(folder: Path) -> None:
    for name in (RECORDINGS, DEPLOYMENT):
        if (folder / name).exists():
            raise UsageError(f"{folder / name} exists already, so nothing was written.", "Name another folder.")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}.", "Name another folder.") from error


def _chosen(database: Database, job: JobRecord, sample: int | None) -> Iterator[CalledItem]:
    items = recorded_calls.read(database, job.id)
    if sample is None:
        yield from items
        return
    drawn = heapq.nsmallest(
        sample,
        (
            (share_point(job.task_name, item.custom_id, "record"), item.position)
            for item in results.items(database, job.id)
        ),
    )
    positions = {position for _, position in drawn}
    yield from (item for item in items if item.position in positions)


def _compared(task: CompiledTask, before: dict[str, Any], after: dict[str, Any]) -> Counter[str]:
    """Count the first answers that are left, and those the task's checks judge otherwise now."""
    count: Counter[str] = Counter()
    for model, recorded in after["models"].items():
        if "text" in recorded:
            was = _passes(task, before["models"][model], before["text"])
            count["verdicts"] += 1
            count["changed"] += was != _passes(task, recorded, after["text"])
    return count


def _passes(task: CompiledTask, recorded: dict[str, Any], text: str) -> bool:
    """Judge an answer by itself. Of token probabilities only the least was kept: the same bounds decide for both."""
    completion = Completion(
        recorded["text"],
        FinishReason(recorded.get("finish_reason", FinishReason.STOP)),
        TokenUsage(0, 0),
        "",
        0.0,
        logprobs=(TokenLogprob(recorded["text"], 0.0),),
    )
    return task.judge(completion, text).passed


def _deployment(deployment: DeploymentSpec, models: Sequence[str]) -> str:
    prices = PriceList({name: spec for name, spec in deployment.models.items() if name in models})
    known = [name for name in models if name in deployment.models]
    if len(known) < len(models):
        missing = ", ".join(sorted(set(models) - set(known)))
        raise UsageError(f"The deployment has no `{missing}` any more.", "Name the one of that time with --deployment.")
    return yaml.safe_dump(
        {
            "servers": {SERVER: {"recordings": RECORDINGS}},
            "models": {name: _model(prices, name) for name in models},
            "queues": {name: _queue(queue) for name, queue in deployment.queues.items()},
            "flags": deployment.flags,
        },
        sort_keys=False,
        width=120,
    )


def _queue(queue: QueueSpec) -> dict[str, Any]:
    return {"concurrency": "auto" if queue.self_tuning else queue.concurrency, "chunk": queue.chunk}


def _model(prices: PriceList, name: str) -> dict[str, Any]:
    sides = {"input": TokenUsage(_PRICED_TOKENS, 0), "output": TokenUsage(0, _PRICED_TOKENS)}
    price: dict[str, Any] = {
        side: float(to_usd(NanoUsd(prices.cost(name, usage))) * 1_000_000 / _PRICED_TOKENS)
        for side, usage in sides.items()
    }
    price["note"] = f"as recorded; {prices.source(name)}"
    return {"provider": "openai", "model": name, "server": SERVER, "price": price}
