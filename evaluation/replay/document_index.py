"""Finding which recorded document a request is about, whatever prompt was written around it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evaluation.replay.recordings import Recording

_WINDOW = 48


class DocumentIndex:
    """Looks for one window of each document's longest part, so that a look-up costs one pass over the request."""

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self._windows: defaultdict[str, list[Recording]] = defaultdict(list)
        self._short: list[Recording] = []
        for recording in recordings:
            longest = max(recording.parts, key=len, default="")
            if len(longest) < _WINDOW:
                self._short.append(recording)
            else:
                middle = (len(longest) - _WINDOW) // 2
                self._windows[longest[middle : middle + _WINDOW]].append(recording)

    def find(self, message: str) -> Recording | None:
        """Return the recording all of whose parts stand in the message; of several, the one that covers most of it."""
        candidates = [
            recording
            for start in range(len(message) - _WINDOW + 1)
            for recording in self._windows.get(message[start : start + _WINDOW], ())
        ]
        found = [
            recording for recording in (*candidates, *self._short) if all(part in message for part in recording.parts)
        ]
        return max(found, key=lambda recording: sum(map(len, recording.parts)), default=None)
