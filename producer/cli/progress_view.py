"""The progress of a job for a person: a table that lives on a terminal, or a plain line now and then in a log."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING, Self

from producer.cli.output import say
from producer.dollars import shown
from producer.saving import saved_fraction
from routing.money import NanoUsd, to_usd

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from rich.console import RenderableType
    from rich.live import Live

    from producer.progress import Look
    from storage.jobs import JobRecord
    from storage.workers import WorkerReport

LINE_EVERY_S = 5.0
_MINUTE_S = 60
_HOUR_S = 3600


class ProgressView:
    """Shows looks at a job on stderr while it is entered."""

    def __init__(self, *, live: bool | None = None) -> None:
        self._is_live = sys.stderr.isatty() if live is None else live
        self._live: Live | None = None
        self._said_s = -LINE_EVERY_S
        self._last = ""

    def __enter__(self) -> Self:
        if self._is_live:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), auto_refresh=False)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        elif self._last:
            say(self._last)

    def show(self, look: Look, workers: Sequence[WorkerReport] = ()) -> None:
        """Show how the job stands now."""
        if self._live is not None:
            self._live.update(table(look, workers), refresh=True)
        elif monotonic() - self._said_s >= LINE_EVERY_S:
            self._said_s = monotonic()
            self._last = ""
            say(line(look))
        else:
            self._last = line(look)


def line(look: Look) -> str:
    """Return one line: counts of each tier, then pace, money and time."""
    tiers = [
        f"{tier.tier} {tier.queued} waiting {tier.accepted} accepted"
        + (f" {tier.escalated} escalated" if tier.escalated else "")
        + (f" {tier.failed} failed" if tier.failed else "")
        for tier in look.progress.tiers
    ]
    return " | ".join([headline(look.progress.job), *tiers, *pace(look), money(look.progress.job)])


def table(look: Look, workers: Sequence[WorkerReport]) -> RenderableType:
    """Return the same as a table, with the calls in flight and the concurrency in force of each tier."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    counts = Table(box=None, pad_edge=False)
    counts.add_column("tier")
    for title in ("waiting", "accepted", "escalated", "failed", "calls", "cost", "in flight"):
        counts.add_column(title, justify="right")
    for tier in look.progress.tiers:
        here = [worker for worker in workers if worker.queue == tier.tier]
        in_flight = f"{sum(worker.in_flight for worker in here)}/{sum(worker.concurrency for worker in here)}"
        counts.add_row(
            tier.tier,
            *(str(count) for count in (tier.queued, tier.accepted, tier.escalated, tier.failed, tier.attempts)),
            shown(to_usd(NanoUsd(tier.cost_nano_usd))),
            in_flight if here else "no worker",
        )
    job = look.progress.job
    return Group(Text(headline(job)), counts, Text(" | ".join([*pace(look), money(job)])))


def headline(job: JobRecord) -> str:
    """Return a job's name and state, and how many of its items have ended."""
    return f"{job.name} {job.state}: {job.items_done + job.items_failed} of {job.items_total}"


def pace(look: Look) -> list[str]:
    """Return the pace and the time that is left, as far as they are known."""
    if look.pace.items_per_s is None or look.pace.remaining_s is None:
        return []
    return [f"{look.pace.items_per_s:.1f} items/s", f"ETA {duration(look.pace.remaining_s)}"]


def money(job: JobRecord) -> str:
    """Return what was spent, and what share of the estimated always-expensive cost was saved so far."""
    saved = saved_fraction(job.cost_nano_usd + job.cache_saved_nano_usd, job.baseline_nano_usd)
    spent = f"{shown(to_usd(NanoUsd(job.cost_nano_usd)))} spent"
    return spent if saved is None else f"{spent}, about {saved:.0%} saved"


def duration(seconds: float) -> str:
    """Return a time as a person says it: `8 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"
    return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
