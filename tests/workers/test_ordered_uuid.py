"""Ids that are ordered by time, and nobody else's."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import random
from uuid import RFC_4122, UUID

from workers.ordered_uuid import ordered_uuid

NOW_MS = 1_764_000_000_000


def test_they_are_of_version_7_and_tell_their_time() -> None:
    """The first 48 bits are the time in milliseconds."""
    made = ordered_uuid(NOW_MS)

    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == NOW_MS


def test_later_ones_come_later() -> None:
    """Whatever the rest of them says."""
    assert ordered_uuid(NOW_MS) < ordered_uuid(NOW_MS + 1)


def test_many_of_the_same_time_are_apart() -> None:
    """Of 74 free bits, none has to repeat; each is seen both set and unset."""
    made = [ordered_uuid(NOW_MS) for _ in range(1_000)]

    assert len(set(made)) == len(made)
    any_set, all_set = 0, -1
    for one in made:
        any_set, all_set = any_set | one.int, all_set & one.int
    assert (any_set & ~all_set).bit_count() == 74


def test_code_that_seeds_everybodys_randomness_repeats_no_id() -> None:
    """A user's schema may do so in every worker."""
    random.seed(1)
    first = ordered_uuid(NOW_MS)
    random.seed(1)

    assert ordered_uuid(NOW_MS) != first


def test_a_fork_repeats_no_id() -> None:
    """It begins with the memory of its parent."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_send_one, args=(theirs,))
    child.start()
    of_child: UUID = ours.recv()
    child.join()

    assert of_child != ordered_uuid(NOW_MS)


def _send_one(pipe: multiprocessing.connection.Connection) -> None:
    pipe.send(ordered_uuid(NOW_MS))
