"""How often a worker process looks for garbage that counting references does not free."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 50_000
"""New objects until the next look. Python's own 700 are made by every other document, none of which leaves a cycle."""


def collect_seldom() -> None:
    """Leave out what lives as long as the process (modules, tasks, statements), and look at the rest seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)
