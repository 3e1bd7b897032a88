"""How logs name an item: by its numbers, and by the command that shows the rest, its id and text included.

An id is a stranger's text, and a log is no place for it.
"""

from __future__ import annotations


def told(job_id: int, position: int) -> str:
    """Return the name of an item."""
    return f"job {job_id} item {position} (`cheapfirst show {position} --job {job_id}`)"
