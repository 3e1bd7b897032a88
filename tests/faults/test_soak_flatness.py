"""The rule of the soak tells growth from noise, warm-up and a new life."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from random import Random

import pytest

from tests.faults.soak.census import Holding
from tests.faults.soak.flatness import Census, Patience

ROLE = "worker-cheap"
ALL_FLAT = {"rss_mb": 150.0, "descriptors": 40, "threads": 30, "database": 8, "redis": 10}


def census(
    lives: Iterable[Callable[[float], dict[str, float]]],
    lasts_s: int = 1200,
    ceilings: Mapping[tuple[str, str], float] | None = None,
) -> Census:
    """Sample lives one after the other, every five seconds; each says what it holds at an age beyond the usual."""
    taken = Census(Patience(warm_up_s=60, least_samples=36), ceilings)
    for pid, life in enumerate(lives, 1):
        for age_s in range(5, lasts_s, 5):
            held = ALL_FLAT | life(float(age_s))
            taken.take(Holding(role=ROLE, pid=pid, age_s=age_s, provider=0, **held))  # type: ignore[arg-type] # numbers
    return taken


def test_noise_and_a_warm_up_are_flat() -> None:
    """Memory that comes up in the first minute and then moves by a few megabytes has not grown."""
    random = Random(0)
    taken = census([lambda age_s: {"rss_mb": min(150.0, 60 + 2 * age_s) + random.gauss(0, 3)}])
    assert taken.verdict([ROLE]) == []


@pytest.mark.parametrize(
    ("measure", "per_s"),
    [("rss_mb", 0.05), ("descriptors", 0.02), ("threads", 0.02), ("database", 0.01), ("redis", 0.01)],
)
def test_a_leak_is_told(measure: str, per_s: float) -> None:
    """What grows steadily is named, with the process and the numbers."""
    (told,) = census([lambda age_s: {measure: ALL_FLAT[measure] + per_s * age_s}]).verdict([ROLE])
    assert told.startswith(f"{measure} of {ROLE} (process 1) grew from ")


def test_a_step_that_the_slope_does_not_see_is_told() -> None:
    """Memory that is taken once, late, and not given back shows in the last quarter."""
    (told,) = census([lambda age_s: {"rss_mb": 150.0 if age_s < 900 else 190.0}]).verdict([ROLE])
    assert "grew from 150 by 40.0" in told


@pytest.mark.parametrize(("most", "told"), [(38.0, []), (39.0, ["threads of worker-cheap (process 1)"])])
def test_pools_that_fill_late_are_flat_up_to_what_they_hold(most: float, told: list[str]) -> None:
    """Threads that came with a backlog in the last quarter are no leak where the pools account for all of them."""
    ceilings = {(ROLE, "threads"): 38.0}
    grown = census([lambda age_s: {"threads": 30.0 if age_s < 900 else most}], ceilings=ceilings).verdict([ROLE])
    assert [sentence.partition(" grew")[0] for sentence in grown] == told


def test_each_life_is_judged_by_itself() -> None:
    """A process that was killed begins anew: a second one that is larger is no growth, one that leaks is."""
    flat = census([lambda _: {"rss_mb": 120.0}, lambda _: {"rss_mb": 180.0}])
    assert (flat.verdict([ROLE]), flat.lives()) == ([], {ROLE: 2})
    leaking = census([lambda _: {}, lambda age_s: {"rss_mb": 150.0 + age_s / 10}])
    assert ["process 2" in told for told in leaking.verdict([ROLE])] == [True]


def test_what_lived_too_short_is_not_called_flat() -> None:
    """A role of which nothing can be said fails the soak."""
    assert census([lambda _: {}], lasts_s=120).verdict([ROLE]) == [f"{ROLE} never lived for long enough to be judged"]
