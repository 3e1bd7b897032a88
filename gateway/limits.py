"""The port to rate limits that all workers share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

HORIZON_S = 10.0
"""How far ahead calls are reserved. What a killed worker had reserved holds the others up for no longer than this and
the one call that reaches beyond it."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What a model may be asked per minute; None where there is no such limit."""

    requests_per_minute: int | None
    tokens_per_minute: int | None


class LimitPort(Protocol):
    """Keeps calls under a limit, together with every other worker."""

    async def reserve(self, model: str, limit: RateLimit, tokens: int) -> float:
        """Reserve one request of about `tokens` tokens, and return how many seconds to wait before it is made.

        Where that is longer than `HORIZON_S`, nothing is reserved: ask again when less is left.
        """
        ...

    async def settle(self, model: str, limit: RateLimit, tokens: int, requests: int = 0) -> None:
        """Correct a reserve by `tokens` and `requests` (negative: fewer were used than reserved)."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


class NoLimits:
    """Admits everything at once."""

    async def reserve(self, model: str, limit: RateLimit, tokens: int) -> float:  # noqa: ARG002 - the port's signature
        """Reserve nothing."""
        return 0.0

    async def settle(self, model: str, limit: RateLimit, tokens: int, requests: int = 0) -> None:
        """Settle nothing."""

    async def aclose(self) -> None:
        """Close nothing."""
