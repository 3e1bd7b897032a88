"""scipy, loaded when something is computed: it belongs to the extra `evaluation`, and workers never need it."""

from __future__ import annotations

from typing import Any

from routing.errors import UsageError


def scipy_stats() -> Any:  # noqa: ANN401 - scipy has no types
    """Return `scipy.stats`. Raises UsageError where it is not installed."""
    try:
        from scipy import stats
    except ImportError:
        raise UsageError("This needs scipy.", "Install it: pip install 'cheapfirst[evaluation]'.") from None
    return stats
