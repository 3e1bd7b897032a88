"""The report of a job: what was done by which tier, what failed, what it cost, what it would have cost."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from evaluation.accuracy import AccuracyCount
from producer.home import make_folder
from producer.json_text import json_page
from producer.progress import job_figures
from routing.comparison import Comparison
from routing.deployment import AnswerSource
from routing.errors import UsageError
from routing.money import NanoUsd, to_usd
from storage import evidence, jobs, progress, results

if TYPE_CHECKING:
    from pathlib import Path

    from routing.deployment import DeploymentSpec
    from storage.database import Database
    from storage.progress import ModelUse

_KINDS = {
    AnswerSource.PROVIDER: "provider",
    AnswerSource.ENGINE: "offline engine",
    AnswerSource.RECORDING: "recorded model",
}
P50 = 0.5
P95 = 0.95


def job_report(database: Database, reference: str, deployment: DeploymentSpec | None = None) -> dict[str, object]:
    """Return the report of a job, by its name or number, as JSON values; money is `Decimal` dollars.

    `baseline_usd` is what the last tier alone would have cost for the items that have ended. `accuracy` is there where
    labels are, and counts an item that failed as wrong. Calls tell whether offline engines or recordings answered; of
    older ones, the deployment does. Reads every ended item: for the end of a job, not for watching it. Raises
    NotFoundError.
    """
    standing = progress.read(database, reference)
    job = standing.job
    failures = progress.failures(database, job.id)
    by_check: Counter[str] = Counter()
    for failure in failures:
        by_check[failure.check] += failure.count
    report = {
        **job_figures(job),
        "tiers": {
            tier.tier: {
                "attempts": tier.attempts,
                "accepted": tier.accepted,
                "escalated": tier.escalated,
                "routed": tier.routed,
                "review": tier.review,
                "failed": tier.failed,
                "troubles": tier.troubles,
                "cache_hits": tier.cache_hits,
                "input_tokens": tier.input_tokens,
                "output_tokens": tier.output_tokens,
                "tokens_estimated": tier.estimated_tokens > 0,
                "cost_usd": to_usd(NanoUsd(tier.cost_nano_usd)),
            }
            for tier in standing.tiers
        },
        "measuring_usd": to_usd(NanoUsd(evidence.spent(database, job.id, "").measuring_nano_usd)),
        "failures": dict(by_check.most_common()),
        "failures_by_field": [
            {"tier": failure.tier, "check": failure.check, "field": failure.field, "count": failure.count}
            for failure in failures
        ],
        "latency_ms": {
            "p50": progress.latency_ms(database, job.id, P50),
            "p95": progress.latency_ms(database, job.id, P95),
        },
        "elapsed_s": standing.elapsed_ms / 1000,
        "models": [_model(use, deployment) for use in progress.models(database, job.id)],
    }
    accuracy = _accuracy(database, job.id)
    return report if accuracy is None else report | {"accuracy": accuracy}


def _accuracy(database: Database, job_id: int) -> dict[str, object] | None:
    """Return how many labelled fields are right, None without labels. An item that failed has none of them right."""
    comparison = Comparison.of_task(jobs.frozen_task(database, job_id))
    ended, done = AccuracyCount(comparison), AccuracyCount(comparison)
    for output, expected in results.labelled(database, job_id):
        label = json.loads(expected)
        ended.add(None if output is None else json.loads(output), label)
        if output is not None:
            done.add(json.loads(output), label)
    found, of_done = ended.result(), done.result()
    if found is None:
        return None
    return {
        "items": found.items,
        "macro": round(found.macro, 6),
        "fields": {name: round(share, 6) for name, share in found.fields.items()},
        "macro_of_done": None if of_done is None else round(of_done.macro, 6),
    }


def _model(use: ModelUse, deployment: DeploymentSpec | None) -> dict[str, object]:
    return {
        "tier": use.tier,
        "model": use.model,
        "kind": _kind(use, deployment),
        "price_source": use.price_source,
        "attempts": use.attempts,
        "tokens_estimated": bool(use.estimated),
    }


def _kind(use: ModelUse, deployment: DeploymentSpec | None) -> str | None:
    """Return what answered, as the calls say; where they do not, what would answer now, None where nobody knows."""
    if use.answered_by is not None:
        return _KINDS[AnswerSource(use.answered_by)]
    known = deployment is not None and use.model in deployment.models
    return _KINDS[deployment.answer_source(use.model)] if deployment is not None and known else None


def write_report(report: dict[str, object], file: Path) -> Path:
    """Write a report where people find it again, and return the file. Raises UsageError where it cannot be written."""
    make_folder(file.parent)
    try:
        file.write_bytes(json_page(report))
    except OSError as error:
        raise UsageError(f"The report cannot be written to {file}: {error.strerror}.", "Free some space.") from error
    return file
