"""What may come of a claim."""

from __future__ import annotations

from typing import get_args

from storage.records import BRINGS_NOTHING, ENDS, MOVES_ON, Next, Released


def test_every_outcome_is_counted_once() -> None:
    """It ends the item, moves it on, or gives it back: one that did none of them would be counted nowhere."""
    assert sorted(kind.__name__ for kind in (*ENDS, *MOVES_ON, Released)) == sorted(
        kind.__name__ for kind in get_args(Next)
    )
    assert set(BRINGS_NOTHING) <= set(get_args(Next))
