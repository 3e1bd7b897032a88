"""The closed sets of states and outcomes the ledger stores. Never rename a value: add an alias."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands. Items are claimed only while it is running."""

    SUBMITTING = "submitting"  # its items are being written; nothing is published yet
    RUNNING = "running"
    PAUSED = "paused"  # by a person
    STOPPED = "stopped"  # by itself; `stop_reason` says why
    CANCELLED = "cancelled"
    DONE = "done"  # every item is done or failed


class StopReason(StrEnum):
    """Why a job stopped by itself."""

    BUDGET = "budget"  # what is left does not pay for another call
    DAY_BUDGET = "day_budget"  # nor does what the deployment allows for this day; it goes on the next one
    PROVIDER_REFUSED = "provider_refused"  # a key, an account or a model's name: no item can succeed
    ESCALATIONS = "escalations"  # so much was escalated of late that the cheap model must be broken
    TASK_UNUSABLE = "task_unusable"  # workers cannot compile the task (a package is missing there), or it ends them


class ItemState(StrEnum):
    """Where an item stands. One in flight is `queued` with a live lease."""

    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"


class FailReason(StrEnum):
    """Why an item failed."""

    VERDICT = "verdict"  # the last tier's output did not pass
    QUARANTINED = "quarantined"  # claimed three times and never recorded: handling it kills the worker
    REFUSED = "refused"  # the provider will not accept the call for this document
    PROMPT = "prompt"  # its prompt cannot be written: the template asks for something this item lacks
    BUDGET = "budget"  # another call would exceed the item's own budget
    ABANDONED = "abandoned"  # the application that asked for it gave up waiting


class AttemptOutcome(StrEnum):
    """What came of an attempt."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # answered, and the verdict failed
    PROVIDER_TROUBLE = "provider_trouble"  # no answer; the item waits and is called again
    REFUSED = "refused"  # the provider will not accept the call
    PREDICTION = "prediction"  # a judge's: it was asked how likely the first tier is to pass
    OPINION = "opinion"  # a second opinion, judged with the attempt it belongs to
