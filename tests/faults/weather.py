"""Storms of the provider, played by the model server in the middle of a job, and the rate around them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.error import URLError

from gateway.gateway import MAX_TRIES
from tests.faults.scene import Scene
from tests.support.private_hosts import PrivateHosts
from workers.item_handler import FIRST_DELAY_MS, LONGEST_DELAY_MS

Order = Mapping[str, str]
DNS = "DNS"
WINDOW_S = 2.0
FULL_RATE = 0.8
"""The share of the rate before the storm that counts as full: a window of two seconds is that uneven."""
POLL_S = 0.1


def _at(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


STORMS: dict[str, Callable[[float], Order]] = {
    "429, Retry-After in seconds": lambda _: {"faults": "429=1", "retry_after": "2"},
    "429, Retry-After as a date": lambda seconds: {"faults": "429=1", "retry_after": _at(seconds)},
    "429, Retry-After of ten years": lambda _: {"faults": "429=1", "retry_after": "315360000"},
    "500": lambda _: {"faults": "500=1"},
    "503": lambda _: {"faults": "503=1"},
    "every second call 503": lambda _: {"faults": "503=0.5"},
    "refused": lambda _: {"connections": "refused"},
    DNS: lambda _: {"connections": "cut"},
    "hang": lambda _: {"faults": "timeout=1"},
    "one byte a second": lambda _: {"faults": "drip=1"},
    "stalled body": lambda _: {"faults": "stalled=1"},
    "half-closed": lambda _: {"faults": "half-closed=1"},
}


@dataclass(frozen=True, slots=True)
class Passed:
    """A storm that is over: how long it was, the rates of answers, and after how long the full rate was back."""

    kind: str
    lasted_s: float
    rate_before: float
    recovered_s: float | None


class Weather:
    """Makes storms over a scene. `hosts` is where its workers look the server's name up."""

    def __init__(self, scene: Scene, hosts: PrivateHosts) -> None:
        self._scene = scene
        self._hosts = hosts
        self._answers: deque[tuple[float, int]] = deque()
        self._before = 0.0
        self._pause = threading.Event()

    def storm(self, kind: str, seconds: float, within_s: float) -> Passed:
        """Play a storm, the first of them once answers come at a steady rate, and wait until they do again."""
        before = self._before = self._before or self._steady_rate()
        began = time.monotonic()
        if kind == DNS:
            self._hosts.forget()
        self._scene.server.begin_storm(seconds=seconds, **STORMS[kind](seconds))
        self._pause.wait(seconds)
        if kind == DNS:
            self._hosts.know()
        over = time.monotonic()
        self._answers.clear()
        while time.monotonic() - over < within_s:
            if self._rate() >= FULL_RATE * before:
                return Passed(kind, over - began, before, time.monotonic() - over)
        return Passed(kind, over - began, before, None)

    def _steady_rate(self) -> float:
        """Return the rate of answers, once two windows in a row agree."""
        self._answers.clear()
        deadline = time.monotonic() + 60
        earlier = 0.0
        while time.monotonic() < deadline:
            until = time.monotonic() + WINDOW_S
            while time.monotonic() < until:
                rate = self._rate()
            if rate and FULL_RATE <= rate / max(earlier, 0.001) <= 1 / FULL_RATE:
                return rate
            earlier = rate
        raise AssertionError("no steady rate within a minute")

    def _rate(self) -> float:
        """Look once more, and return the answers per second of the last window, 0 until there is one."""
        self._pause.wait(POLL_S)
        try:
            answered = sum(self._scene.server.totals()["answered"].values())
        except (URLError, ConnectionError):  # it is about to come back
            return 0.0
        now = time.monotonic()
        self._answers.append((now, answered))
        while len(self._answers) > 1 and self._answers[1][0] <= now - WINDOW_S:
            self._answers.popleft()
        first, counted = self._answers[0]
        return (answered - counted) / (now - first) if now - first >= WINDOW_S else 0.0


def most_calls(lasted_s: float, timeout_s: float) -> int:
    """Return how often a document may be asked of one model because of a storm that lasted so long.

    Its turns are at least half its delay apart, which doubles from a second to twenty; each makes up to four calls. The
    calls it meets the storm with may be made again by those that the storm left hanging.
    """
    turns, at_s, delay_s = 1, 0.0, FIRST_DELAY_MS / 1000
    while at_s < lasted_s + timeout_s:
        turns, at_s, delay_s = turns + 1, at_s + delay_s / 2, min(LONGEST_DELAY_MS / 1000, 2 * delay_s)
    return turns * MAX_TRIES
