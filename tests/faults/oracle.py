"""The one oracle of the fault suite: what a fault did, told by three sources that know nothing of each other.

The provider's own count of calls (the loopback model server, over HTTP), our ledger, and the ids that were submitted.
A plain Celery application under the same faults is judged by the same function.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from evaluation.model_server.call_ledger import document_hash
from gateway.gateway import PROBE
from storage import progress, results
from storage.database import Database
from storage.states import ItemState

_EXAMPLES = 5
_SMALL_CALL = document_hash(PROBE.messages[0].content)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a fault did.

    `lost` are submitted ids without a result, `duplicate_results` results beyond the first of an id,
    `duplicate_paid_calls` answers of one model to one document beyond the first. `unexpected` says in a sentence each
    what else should not be. `recovered_s` is the longest recovery that was measured, None where none was.
    """

    lost: int
    duplicate_results: int
    duplicate_paid_calls: int
    unexpected: tuple[str, ...] = ()
    recovered_s: float | None = None


def judge(
    submitted: Collection[str],
    results: Mapping[str, int],
    calls: Mapping[str, int],
    *,
    unexpected: Iterable[str] = (),
    recovered_s: float | None = None,
) -> Findings:
    """Return the findings, from the number of results of each id and of answers to each (model, document).

    Documents must differ from each other, and each be asked of a model once where nothing goes wrong.
    """
    strange = sorted(set(results) - set(submitted))
    return Findings(
        lost=sum(not results.get(custom_id) for custom_id in submitted),
        duplicate_results=sum(count - 1 for count in results.values() if count > 1),
        duplicate_paid_calls=sum(count - 1 for count in calls.values() if count > 1),
        unexpected=(*unexpected, *_told("results of ids that nobody submitted", strange)),
        recovered_s=None if recovered_s is None else round(recovered_s, 1),
    )


def examine(
    database: Database,
    job: str,
    submitted: Collection[str],
    calls: Mapping[str, Any],
    *,
    is_right: Callable[[str, Any], bool] | None = None,
    may_fail: Collection[str] = (),
    recovered_s: float | None = None,
) -> Findings:
    """Return the findings of a job that has ended, or should have. `calls` is what the server says at `/calls`.

    `is_right` tells whether an output (read from its JSON text) is that of a document. An item that failed has a
    result where it `may_fail`, and else counts as unexpected too.
    """
    stands = progress.read(database, job)
    items = list(results.items(database, stands.job.id))
    ended = [item for item in items if item.state is not ItemState.QUEUED]
    failed = [item for item in ended if item.state is ItemState.FAILED and item.custom_id not in may_fail]
    done = [item for item in ended if item.state is ItemState.DONE]
    wrong = [
        item.custom_id for item in done if is_right and not is_right(item.custom_id, json.loads(item.output or ""))
    ]
    found = Counter(item.custom_id for item in ended)
    # The tallies are kept by other statements than the items' rows: a result that was counted twice shows there.
    accepted = sum(tier.accepted for tier in stands.tiers)
    if accepted > len(done):
        found[done[0].custom_id] += accepted - len(done)
    return judge(
        submitted,
        found,
        of_documents(calls["by_document"]),
        unexpected=(
            *_told("failed", [f"{item.custom_id} ({item.fail_reason})" for item in failed]),
            *_told("wrong outputs", wrong),
            *_told("leases of ended items", [item.custom_id for item in ended if item.in_flight]),
            *_miscounted(stands, len(done), len(ended) - len(done)),
            *_unasked(database, stands.job.id, calls),
        ),
        recovered_s=recovered_s,
    )


def of_documents(calls: Mapping[str, int]) -> dict[str, int]:
    """Return counts of calls without the small ones that only ask whether a model answers."""
    return {key: count for key, count in calls.items() if not key.endswith(f":{_SMALL_CALL}")}


def _miscounted(stands: progress.Progress, done: int, failed: int) -> Iterable[str]:
    counted = (stands.job.items_done, stands.job.items_failed)
    if counted != (done, failed):
        yield f"the job counts (done, failed) {counted}; there are {(done, failed)}"
    queued = sum(tier.queued for tier in stands.tiers)
    if queued != stands.job.items_total - done - failed:
        yield f"the tallies count {queued} queued of {stands.job.items_total}"


def _unasked(database: Database, job_id: int, calls: Mapping[str, Any]) -> Iterable[str]:
    """Every call on the bill was answered by the provider; what it answered beyond the bill died with its worker."""
    billed = sum(use.attempts for use in progress.models(database, job_id))
    answered = sum(calls["answered"].values())
    if billed > answered:
        yield f"the ledger bills {billed} calls, the provider answered {answered}"


def _told(what: str, names: Collection[str]) -> tuple[str, ...]:
    return (f"{len(names)} {what}: {', '.join(list(names)[:_EXAMPLES])}",) if names else ()
