"""Running a set of documents through paths of a task: each path a job of its own, on the workers that run jobs."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from producer.documents.refusal import RefusalCode
from producer.readiness import require_budget, require_keys_and_prices, require_models
from producer.rollouts import current
from producer.run import running_workers
from producer.submit import InputsRefusedError, Order, submit
from routing.errors import UsageError
from routing.money import NanoUsd, to_usd
from routing.trial import trial_of
from storage.states import JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from producer.progress import Look
    from producer.run import Place
    from producer.submit import Submitted
    from routing.deployment import DeploymentSpec
    from routing.task import FrozenTask
    from routing.trial import TrialPath
    from storage.database import Database
    from storage.jobs import JobRecord


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Documents with labels: rows that bring both, or `documents` that a file of labels names."""

    labels: Path
    documents: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NamedSet:
    """Of these inputs the documents with these names, labelled or not."""

    inputs: Sequence[str]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who is told of a trial while it runs: of what was taken in, and of each look at its job."""

    on_submitted: Callable[[TrialPath, Submitted], None]
    on_look: Callable[[Look], None]


def run_trials(
    database: Database,
    place: Place,
    task: FrozenTask,
    documents: LabelledSet | NamedSet,
    paths: Sequence[TrialPath],
    watcher: Watcher,
    *,
    budget_usd: Decimal | None = None,
    turn: int = 0,
) -> dict[TrialPath, JobRecord]:
    """Run each path to its end, one after the other, and return their jobs; the last one where it did not end.

    A path that ran before with the same documents, labels, task and models is not run again: it is the same job.
    `budget_usd` is for all of them together. Raises UsageError, InputsRefusedError, ServiceUnreachableError.
    """
    require_models(place.deployment, task)
    require_keys_and_prices(place.settings, place.deployment)
    require_budget(place.deployment, task, budget_usd)
    rollout, models = current(database, task), models_digest(place.deployment)
    ended: dict[TrialPath, JobRecord] = {}
    with ExitStack() as stack:
        workers = None
        for path in paths:
            spent = sum(to_usd(NanoUsd(job.cost_nano_usd)) for job in ended.values())
            trial = trial_of(task, rollout, path, models, turn)
            left = None if budget_usd is None else max(budget_usd - spent, to_usd(NanoUsd(0)))
            submitted = _submit(database, _order(trial, documents, left), place.settings.home)
            watcher.on_submitted(path, submitted)
            if submitted.job.state is JobState.RUNNING and workers is None:
                tiers = [tier.name for tier in task.tiers]
                workers = stack.enter_context(running_workers(database, place, tiers))
            job = submitted.job if workers is None else workers.finish(submitted.job, watcher.on_look)
            ended[path] = job
            if job.state is not JobState.DONE:
                break
    return ended


def _order(trial: FrozenTask, documents: LabelledSet | NamedSet, budget_usd: Decimal | None) -> Order:
    if isinstance(documents, NamedSet):
        return Order(trial, documents.inputs, budget_usd=budget_usd, only=documents.names)
    return Order(
        task=trial,
        inputs=documents.documents or [str(documents.labels)],
        labels=documents.labels if documents.documents else None,
        budget_usd=budget_usd,
        labelled_only=True,
    )


def _submit(database: Database, order: Order, home: Path) -> Submitted:
    """Submit an order; where only labels were given, say that the documents have to be named too."""
    try:
        return submit(database, order, home)
    except InputsRefusedError as error:
        labels_alone = {refusal.code for refusal in error.refused.first} == {RefusalCode.MISSING_TEXT}
        if order.labels is not None or not labels_alone:
            raise
        raise InputsRefusedError(
            f"All {error.refused.count} rows of LABELS have no text, so nothing was submitted.",
            "Where they only label documents, name DOCUMENTS after LABELS: files, folders or patterns.",
            error.refused,
        ) from None


def models_digest(deployment: DeploymentSpec) -> str:
    """Return a digest of what answers under the models' names: they themselves, and their loopback servers' files.

    Raises UsageError where such a file cannot be read.
    """
    digest = hashlib.sha256()
    for name, model in sorted(deployment.models.items()):
        digest.update(f"{name}={model.model_dump_json(exclude={'api_key_variable', 'timeout_s'})}\n".encode())
    for name, server in sorted(deployment.servers.items()):
        file = Path(server.engines or server.recordings)
        try:
            digest.update(f"{name}={hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    return digest.hexdigest()[:16]
