"""A self-tuned concurrency finds what a provider can take, throws little away, and shares with its peers.

The provider is simulated in virtual time: events in a heap, no clock and no network.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from routing.deployment import SELF_TUNING_START
from workers.self_tuning import MOST, SelfTuning


@dataclass
class Simulation:
    """A provider that takes `limit_per_s` calls (a token bucket of `burst_s`) and works on `servers` at a time."""

    limit_per_s: float = float("inf")
    burst_s: float = 1.0
    servers: float = float("inf")
    latency_s: float = 0.2
    sigma: float = 0.0
    now: float = 0.0
    answered: int = 0
    limited: int = 0
    busy: int = 0
    tokens: float = float("inf")
    filled_at: float = 0.0
    random: random.Random = field(default_factory=lambda: random.Random(7))
    events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    order: itertools.count[int] = field(default_factory=itertools.count)

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self.events, (self.now + seconds, next(self.order), event))

    def run_until(self, moment: float) -> None:
        """Let everything happen up to a moment."""
        while self.events and self.events[0][0] <= moment:
            self.now, _, event = heapq.heappop(self.events)
            event()
        self.now = moment

    def admits(self) -> bool:
        """Take one call, if there is room under the limit."""
        if self.limit_per_s == float("inf"):
            return True
        refilled = (self.now - self.filled_at) * self.limit_per_s
        self.tokens = min(self.limit_per_s * self.burst_s, self.tokens + refilled)
        self.filled_at = self.now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def draw_latency_s(self) -> float:
        """Return how long an answer takes: longer where more calls are under way than there are servers."""
        spread = self.random.lognormvariate(0.0, self.sigma)
        return self.latency_s * spread * max(1.0, self.busy / self.servers)


@dataclass
class Process:
    """A worker process that never runs out of work. A refused call is tried again after a random wait, as ours are."""

    provider: Simulation
    limit: int = SELF_TUNING_START
    in_flight: int = 0
    headroom: float = 1.0
    peak: int = 0
    tuning: SelfTuning = field(init=False)

    def __post_init__(self) -> None:
        self.tuning = SelfTuning(self, lambda: self.provider.now)
        self.fill()

    def tune_to(self, limit: int) -> None:
        """Let so many be in flight."""
        self.limit = limit
        self.peak = max(self.peak, limit)
        self.fill()

    def fill(self) -> None:
        """Begin as many calls as are free to begin."""
        while self.in_flight < self.limit:
            self.in_flight += 1
            self.provider.after(0.0, self.send)

    def send(self) -> None:
        """Send a call."""
        provider = self.provider
        if provider.admits():
            provider.busy += 1
            took_s = provider.draw_latency_s()
            provider.after(took_s, lambda: self.end(took_s))
            return
        provider.limited += 1
        provider.after(provider.random.uniform(0.0, 0.25), self.send)
        self.tuning.limited()

    def end(self, took_s: float) -> None:
        """Take an answer."""
        self.provider.busy -= 1
        self.provider.answered += 1
        self.tuning.answered(took_s, self.headroom)
        self.in_flight -= 1
        self.fill()


def _rate_per_s(provider: Simulation, seconds: float) -> float:
    before = provider.answered
    provider.run_until(provider.now + seconds)
    return (provider.answered - before) / seconds


@pytest.mark.parametrize(
    ("limit_per_s", "latency_s", "sigma"),
    [(30, 0.5, 0.0), (30, 0.5, 0.5), (100, 0.2, 0.0), (100, 0.2, 0.5), (100, 2.0, 0.5)],
)
@pytest.mark.parametrize("burst_s", [0.5, 1.0])
def test_it_settles_at_a_hidden_limit(limit_per_s: float, latency_s: float, sigma: float, burst_s: float) -> None:
    """After a minute it is within a tenth of it, and less than 2 % of all calls were refused, the first ones too."""
    provider = Simulation(limit_per_s, burst_s, latency_s=latency_s, sigma=sigma)
    Process(provider)
    provider.run_until(60)
    assert 0.9 * limit_per_s <= _rate_per_s(provider, 60) <= 1.05 * limit_per_s
    assert provider.limited < 0.02 * (provider.answered + provider.limited)


def test_it_comes_to_thousands_in_flight() -> None:
    """Slow answers need many calls at a time: 900 a second at 2 s are found within a minute."""
    provider = Simulation(900, latency_s=2.0, sigma=0.3)
    Process(provider)
    provider.run_until(60)
    assert _rate_per_s(provider, 60) >= 0.9 * 900


def test_without_a_limit_it_stops_at_the_most() -> None:
    """What knows no limit is not pressed without end."""
    provider = Simulation(latency_s=1.0)
    process = Process(provider)
    provider.run_until(40)
    assert process.peak == MOST


def test_a_queue_inside_the_provider_is_kept_short() -> None:
    """Where answers only come later the more calls there are, it stays below three times what is worked on."""
    provider = Simulation(servers=50, latency_s=0.5, sigma=0.2)
    process = Process(provider)
    provider.run_until(60)
    assert _rate_per_s(provider, 60) >= 0.9 * 50 / 0.5 / 1.03
    assert 45 <= process.limit <= 150


@pytest.mark.parametrize("times", [1.7, 3.0])
def test_slower_documents_are_no_sign_of_a_queue(times: float) -> None:
    """Answers that take longer for reasons of their own do not keep it small for good."""
    provider = Simulation(limit_per_s=100, latency_s=0.2, sigma=0.3)
    Process(provider)
    provider.run_until(60)
    provider.latency_s = 0.2 * times
    provider.run_until(180)
    assert _rate_per_s(provider, 30) >= 90


def test_it_follows_a_limit_that_moves() -> None:
    """A limit that falls to a quarter and comes back is found again each time, within a minute and a half."""
    provider = Simulation(200, latency_s=0.5, sigma=0.3)
    Process(provider)
    provider.run_until(60)
    provider.limit_per_s = 50
    provider.run_until(120)
    assert 45 <= _rate_per_s(provider, 30) <= 55
    provider.limit_per_s = 200
    provider.run_until(240)
    assert _rate_per_s(provider, 30) >= 180


@pytest.mark.parametrize("storm_s", [3, 30, 300])
def test_a_storm_of_refusals_is_got_over(storm_s: float) -> None:
    """Where everything was refused for a while, the old rate is back within half a minute."""
    provider = Simulation(100, latency_s=0.5, sigma=0.3)
    Process(provider)
    provider.run_until(60)
    before = _rate_per_s(provider, 10)
    provider.limit_per_s = 0.001
    provider.run_until(70 + storm_s)
    provider.limit_per_s = 100
    provider.run_until(100 + storm_s)
    assert _rate_per_s(provider, 10) >= 0.9 * before


def test_processes_share_a_limit() -> None:
    """One that starts a minute later has as much as the other two minutes on, and nothing is left unused."""
    provider = Simulation(200, latency_s=0.5, sigma=0.3)
    first = Process(provider)
    provider.run_until(60)
    second = Process(provider)

    def beat() -> None:
        for process in (first, second):
            process.tuning.share([first.limit, second.limit])
        provider.after(1.0, beat)

    beat()
    provider.run_until(180)
    assert 0.8 <= first.limit / second.limit <= 1.25
    assert _rate_per_s(provider, 30) >= 180


def test_headers_hold_calls_back_before_they_are_refused() -> None:
    """It stands still with a tenth of the provider's limit left, and shrinks with nearly nothing left."""
    provider = Simulation(latency_s=0.5)
    process = Process(provider)
    provider.run_until(10)
    process.headroom = 0.05
    size = process.limit
    provider.run_until(20)
    assert process.limit == size
    process.headroom = 0.0
    provider.run_until(30)
    assert process.limit < size


def test_an_idle_process_does_not_grow() -> None:
    """Answers while the gate is half empty say nothing about more calls at a time."""
    provider = Simulation()
    process = Process(provider)
    process.in_flight = 4
    for _ in range(1000):
        provider.now += 0.1
        process.tuning.answered(0.2, 1.0)
    assert process.limit == SELF_TUNING_START


def test_it_goes_on_from_where_a_person_puts_it() -> None:
    """A concurrency that was set by hand is where tuning goes on from."""
    provider = Simulation(latency_s=0.5)
    process = Process(provider)
    provider.run_until(5)
    process.limit = process.in_flight = 3
    process.tuning.limited()
    assert process.limit == 1
    provider.now += 1.0
    process.in_flight = 1
    process.tuning.answered(0.5, 1.0)
    assert process.limit <= 2
