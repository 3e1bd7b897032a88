"""The port to rate limits that all workers share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What a model may be asked per minute; None where there is no such limit."""

    requests_per_minute: int | None
    tokens_per_minute: int | None


class LimitPort(Protocol):
    """Keeps calls under a limit, together with every other worker."""

    async def reserve(self, model: str, limit: RateLimit, tokens: int) -> float:
        """Reserve one request of about `tokens` tokens, and return how many seconds to wait before it is made."""
        ...

    async def settle(self, model: str, limit: RateLimit, tokens: int) -> None:
        """Correct a reserve by `tokens` (negative: fewer were used than reserved)."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


class NoLimits:
    """Admits everything at once."""

    async def reserve(self, model: str, limit: RateLimit, tokens: int) -> float:  # noqa: ARG002 - the port's signature
        """Reserve nothing."""
        return 0.0

    async def settle(self, model: str, limit: RateLimit, tokens: int) -> None:
        """Settle nothing."""

    async def aclose(self) -> None:
        """Close nothing."""
