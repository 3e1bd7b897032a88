"""The recorder writes more seldom the longer a write takes."""

from __future__ import annotations

import pytest

from workers.pace import GROUP_WAIT_S, LONGEST_REST_S, Pace


def test_after_a_rest_a_group_waits_for_its_neighbours_only() -> None:
    """What comes when nothing was written for a while is written soon."""
    pace = Pace()
    pace.wrote(10.0, 10.01)
    assert pace.due_at(20.0) == 20.0 + GROUP_WAIT_S


def test_writing_takes_a_tenth_of_the_time() -> None:
    """Under load the next group is gathered for nine times as long as the last one took to write."""
    pace = Pace()
    pace.wrote(10.0, 10.02)
    assert pace.due_at(10.0) == pytest.approx(10.02 + 9 * 0.02)


def test_no_answer_stays_unwritten_for_long() -> None:
    """However long a write takes, as where the ledger was away."""
    pace = Pace()
    pace.wrote(10.0, 40.0)
    assert pace.due_at(40.0) == 40.0 + LONGEST_REST_S
