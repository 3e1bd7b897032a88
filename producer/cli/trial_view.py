"""What is told while labelled documents run: which path, and how far it is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from producer.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from producer.submit import Submitted
    from producer.trials import Watcher
    from routing.trial import TrialPath


@contextmanager
def watching() -> Iterator[Watcher]:
    """Yield who tells of trials on stderr."""
    from producer.cli.progress_view import ProgressView
    from producer.cli.submit import say_refused
    from producer.submit import InputsRefusedError
    from producer.trials import Watcher

    told_refused = False
    with ProgressView() as view:

        def submitted(path: TrialPath, one: Submitted) -> None:
            nonlocal told_refused
            if one.refused is not None and not told_refused:
                say_refused(one.refused)  # the same documents for every path
                told_refused = True
            if not one.created:
                say(f"{path}: ran before as {one.job.name}, which is {one.job.state}")

        try:
            yield Watcher(submitted, view.show)
        except KeyboardInterrupt:
            say("Interrupted. What is done is kept: the same command goes on where it stopped.")
            raise
        except InputsRefusedError as error:
            say_refused(error.refused)
            raise
