"""The circuit breaker: what it lets through, and that it says so beforehand."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.breaker import FIRST_REST_S, LIMITED_S, LONGEST_REST_S, PROBE_ALONE_S, TROUBLES_TO_OPEN, Breaker
from routing.errors import Trouble

TIMEOUT_S = 60.0


def _opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(TROUBLES_TO_OPEN):
        _begun_and_troubled(breaker, now)
    return breaker


def _begun_and_troubled(breaker: Breaker, now: float, trouble: Trouble = Trouble.OVERLOADED) -> None:
    era = breaker.begin(now, TIMEOUT_S)
    assert era is not None
    breaker.troubled(now, era, trouble, 0)


def test_it_opens_after_troubles_in_a_row() -> None:
    """An answer between them starts the count again."""
    breaker = Breaker()
    for _ in range(TROUBLES_TO_OPEN - 1):
        _begun_and_troubled(breaker, 0)
    breaker.succeeded(0)
    for _ in range(TROUBLES_TO_OPEN - 1):
        _begun_and_troubled(breaker, 0)
    assert breaker.unavailable_for_s(0) == 0
    _begun_and_troubled(breaker, 0)
    assert breaker.unavailable_for_s(0) == FIRST_REST_S


def test_calls_under_way_do_not_lengthen_the_rest() -> None:
    """One outage under two hundred calls in flight is one outage."""
    breaker = Breaker()
    eras = [breaker.begin(0, TIMEOUT_S) for _ in range(200)]
    for era in eras:
        assert era is not None
        breaker.troubled(1, era, Trouble.TIMEOUT, 0)
    assert breaker.unavailable_for_s(1) == FIRST_REST_S


def test_a_late_trouble_does_not_end_the_probe() -> None:
    """Half open, only the probe's own outcome counts."""
    breaker = Breaker()
    late = breaker.begin(0, TIMEOUT_S)
    assert late is not None
    for _ in range(TROUBLES_TO_OPEN):
        _begun_and_troubled(breaker, 0)
    assert breaker.begin(FIRST_REST_S, TIMEOUT_S) is not None
    breaker.troubled(FIRST_REST_S, late, Trouble.TIMEOUT, 0)
    assert breaker.begin(FIRST_REST_S, TIMEOUT_S) is None


def test_each_failed_probe_doubles_the_rest_up_to_the_longest() -> None:
    """A long outage is asked about seldom, but never given up."""
    breaker, now, rests = _opened(), 0.0, []
    for _ in range(8):
        rests.append(breaker.unavailable_for_s(now))
        now += rests[-1]
        _begun_and_troubled(breaker, now)
    assert rests == [2, 4, 8, 16, 20, 20, 20, 20]


def test_a_probe_that_hangs_does_not_hold_up_the_next() -> None:
    """What it will say is of an earlier moment; and where its own timeout is shorter, that is waited for."""
    breaker = _opened()
    assert breaker.begin(FIRST_REST_S, TIMEOUT_S) is not None
    assert breaker.unavailable_for_s(FIRST_REST_S) == PROBE_ALONE_S
    assert breaker.begin(FIRST_REST_S + PROBE_ALONE_S, 3) is not None
    assert breaker.unavailable_for_s(FIRST_REST_S + PROBE_ALONE_S) == 3


def test_a_rate_limit_rests_and_does_not_open() -> None:
    """However often it is told, it is no outage; what it asks for is granted up to the longest rest."""
    breaker = Breaker()
    for _ in range(3 * TROUBLES_TO_OPEN):
        _begun_and_troubled(breaker, 0, Trouble.RATE_LIMITED)
    assert breaker.unavailable_for_s(0) == 0
    era = breaker.begin(0, TIMEOUT_S)
    assert era is not None
    breaker.troubled(0, era, Trouble.RATE_LIMITED, 3600)
    assert breaker.unavailable_for_s(0) == LONGEST_REST_S


def test_a_model_that_only_limits_is_asked_seldom() -> None:
    """Refusing everybody for seconds is an outage, whatever it is called; an answer meanwhile says that it is none."""
    breaker, now = Breaker(), 100.0
    _begun_and_troubled(breaker, now, Trouble.RATE_LIMITED)
    breaker.succeeded(now)
    for _ in range(TROUBLES_TO_OPEN):
        assert breaker.unavailable_for_s(now + LIMITED_S) == 0
        _begun_and_troubled(breaker, now + LIMITED_S, Trouble.RATE_LIMITED)
    assert breaker.unavailable_for_s(now + LIMITED_S) == FIRST_REST_S


def test_an_answer_to_an_earlier_call_does_not_end_a_rest_that_was_asked_for() -> None:
    """Calls in flight come back while the provider wants no new ones."""
    breaker = Breaker()
    eras = [breaker.begin(0, TIMEOUT_S) for _ in range(2)]
    assert eras[0] is not None
    breaker.troubled(1, eras[0], Trouble.RATE_LIMITED, 7)
    breaker.succeeded(2)
    assert breaker.unavailable_for_s(2) == 6


def test_a_rate_limited_probe_lets_the_next_one_go() -> None:
    """It is still half open: one call at a time."""
    breaker = _opened()
    _begun_and_troubled(breaker, FIRST_REST_S, Trouble.RATE_LIMITED)
    assert breaker.begin(FIRST_REST_S, TIMEOUT_S) is not None
    assert breaker.begin(FIRST_REST_S, TIMEOUT_S) is None


class BreakerMachine(RuleBasedStateMachine):
    """Any order of calls, outcomes and time."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker()
        self.now = 1000.0
        self.asked_for_until = 0.0
        self.under_way: list[int] = []

    @rule(seconds=st.integers(0, 100))
    def time_passes(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule()
    def begin(self) -> None:
        """A call goes through exactly where that was said beforehand."""
        said = self.breaker.unavailable_for_s(self.now)
        era = self.breaker.begin(self.now, TIMEOUT_S)
        assert (era is not None) == (said == 0)
        if era is not None:
            self.under_way.append(era)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """An answer closes it, whoever got it; what the provider asked for still holds."""
        self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        self.breaker.succeeded(self.now)
        assert self.breaker.unavailable_for_s(self.now) == max(0.0, self.asked_for_until - self.now)
        self.now = max(self.now, self.asked_for_until)
        first, second = (self.breaker.begin(self.now, TIMEOUT_S) for _ in range(2))
        assert first is not None
        assert second is not None

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), trouble=st.sampled_from(list(Trouble)), retry_after_s=st.sampled_from([0.0, 1.0, 1e9]))
    def trouble(self, data: st.DataObject, trouble: Trouble, retry_after_s: float) -> None:
        """What was asked for is granted."""
        era = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        self.breaker.troubled(self.now, era, trouble, retry_after_s)
        if retry_after_s:
            self.asked_for_until = max(self.asked_for_until, self.now + min(retry_after_s, LONGEST_REST_S))
        assert self.breaker.unavailable_for_s(self.now) >= min(retry_after_s, LONGEST_REST_S)

    @rule()
    def outage(self) -> None:
        """After enough troubles in a row it rests, and then lets one call at a time through."""
        for _ in range(TROUBLES_TO_OPEN):
            self.now += self.breaker.unavailable_for_s(self.now)
            _begun_and_troubled(self.breaker, self.now)
        assert self.breaker.unavailable_for_s(self.now) >= FIRST_REST_S
        self.now += self.breaker.unavailable_for_s(self.now)
        probe = self.breaker.begin(self.now, TIMEOUT_S)
        assert probe is not None
        assert self.breaker.begin(self.now, TIMEOUT_S) is None
        self.under_way.append(probe)

    @invariant()
    def never_unavailable_for_long(self) -> None:
        """No rest is longer than the longest."""
        assert 0 <= self.breaker.unavailable_for_s(self.now) <= LONGEST_REST_S


TestBreakerMachine = BreakerMachine.TestCase
