"""The recorder rests between two writes."""

from __future__ import annotations

from workers.pace import GROUP_WAIT_S, REST_S, Pace


def test_after_a_rest_a_group_waits_for_its_neighbours_only() -> None:
    """What comes when nothing was written for a while is written soon."""
    pace = Pace()
    pace.wrote(10.0)
    assert pace.due_at(20.0) == 20.0 + GROUP_WAIT_S


def test_what_comes_after_a_write_is_gathered_until_the_rest_is_over() -> None:
    """And no longer, whenever its first item came."""
    pace = Pace()
    pace.wrote(10.0)
    assert pace.due_at(10.0) == 10.0 + REST_S
    assert pace.due_at(10.0 + REST_S - GROUP_WAIT_S / 2) == 10.0 + REST_S + GROUP_WAIT_S / 2
