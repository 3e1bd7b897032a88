"""Which documents a paid sample is made of."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from producer.plan_sample import SampleDraw


def _drawn(size: int, lengths: dict[str, int]) -> dict[str, int]:
    draw = SampleDraw(size, "notes")
    for name, length in lengths.items():
        draw.offer(name, length, length)
    return draw.drawn()


def test_each_length_gives_its_share() -> None:
    """Of 300 short and 100 long documents, a sample of 20 has 15 and 5."""
    lengths = {f"short-{number}": 100 for number in range(300)} | {f"long-{number}": 5_000 for number in range(100)}
    drawn = _drawn(20, lengths)
    assert (len(drawn), sum(name.startswith("long") for name in drawn)) == (20, 5)
    assert all(at_most == lengths[name] for name, at_most in drawn.items())


def test_the_order_of_the_inputs_changes_nothing() -> None:
    """The same documents, shuffled, have the same sample."""
    lengths = {f"doc-{number}": number for number in range(500)}
    shuffled = list(lengths.items())
    random.Random(1).shuffle(shuffled)
    assert _drawn(30, lengths) == _drawn(30, dict(shuffled))


@given(size=st.integers(0, 40), lengths=st.lists(st.integers(0, 10_000), max_size=60))
def test_a_sample_has_its_size_or_all_documents(size: int, lengths: list[int]) -> None:
    """And never one twice."""
    drawn = _drawn(size, {f"doc-{number}": length for number, length in enumerate(lengths)})
    assert len(drawn) == min(size, len(lengths))
