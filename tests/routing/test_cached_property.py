"""A property that is worked out once."""

from __future__ import annotations

from routing.cached_property import cached_property


class Word:
    """A word that counts how often it is looked at."""

    def __init__(self) -> None:
        self.looks = 0

    @cached_property
    def length(self) -> int:
        """Return something that takes a while."""
        self.looks += 1
        return self.looks


def test_it_is_worked_out_once_for_each_instance() -> None:
    """Its value stays, until it is deleted."""
    first, second = Word(), Word()
    assert (first.length, first.length, second.length) == (1, 1, 1)
    del first.length
    assert first.length == 2


def test_the_class_has_the_property_itself() -> None:
    """With what its method says of it."""
    assert Word.length.__doc__ == "Return something that takes a while."
