"""The circuit opens for a broken model, not for bad luck."""

from __future__ import annotations

import random

from routing.escalation_circuit import EscalationCircuit, Opened, lower_bound
from routing.task import CircuitSpec

SPEC = CircuitSpec(max_escalation=0.5, window=100)


def test_it_opens_once_the_window_is_full_of_escalations() -> None:
    """Not before: a few failures at the beginning say little."""
    circuit = EscalationCircuit(SPEC, 0, 0)
    assert circuit.look(50, 50) is None
    assert circuit.look(100, 100) == Opened(100, 100)


def test_old_verdicts_do_not_hide_a_model_that_breaks_late() -> None:
    """A thousand good answers do not count for the last hundred."""
    circuit = EscalationCircuit(SPEC, 0, 0)
    assert all(circuit.look(done, done // 10) is None for done in range(0, 1001, 20))
    looks = [circuit.look(1000 + more, 100 + more) for more in range(20, 121, 20)]
    opened = [found for found in looks if found is not None]
    assert opened
    assert opened[0].verdicts <= 120


def test_what_happened_before_it_began_does_not_count() -> None:
    """A job that a person lets go on is judged by what follows."""
    circuit = EscalationCircuit(SPEC, 500, 500)
    assert circuit.look(550, 550) is None
    assert circuit.look(700, 550) is None


def test_a_model_at_the_allowed_rate_is_left_alone() -> None:
    """In 200 jobs of 2 000 verdicts, looked at every 50, it opens for few: each window has one chance in a thousand."""
    draw = random.Random(7)
    opened = 0
    for _ in range(200):
        circuit = EscalationCircuit(SPEC, 0, 0)
        escalated = 0
        for done in range(50, 2001, 50):
            escalated += sum(draw.random() < 0.5 for _ in range(50))
            if circuit.look(done, escalated) is not None:
                opened += 1
                break
    assert opened <= 12


def test_the_bound_is_wilsons() -> None:
    """Never negative, and never above the share itself."""
    assert lower_bound(0, 100) == 0
    assert 0.9 < lower_bound(100, 100) < 1
    assert lower_bound(50, 100) < 0.5
    assert abs(lower_bound(50, 100) - 0.3525) < 0.001
