"""A pyreqwest client that does not keep what large answers leave behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.body_reader import LARGE_FROM_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyreqwest.client import ClientBuilder
    from pyreqwest.request import RequestBuilder

RENEWED_AFTER = 4


class RenewedClient:
    """Sends through a client, and through a new one after every few large answers.

    A connection reads into buffers that grow with what comes, and keeps up to 0.8 MB of them while it waits for its
    next call. So connections are let go with their client: those that rest at once, the others after their answers.
    """

    def __init__(self, builder: Callable[[], ClientBuilder]) -> None:
        self._builder = builder
        self._client = builder().build()
        self._large_answers = 0

    def post(self, url: str) -> RequestBuilder:
        """Begin to write a request."""
        return self._client.post(url)

    def carried(self, body_bytes: int) -> None:
        """Take note of an answer that came whole."""
        if body_bytes <= LARGE_FROM_BYTES:
            return
        self._large_answers += 1
        if self._large_answers == RENEWED_AFTER:
            self._large_answers = 0
            self._client = self._builder().build()

    async def close(self) -> None:
        """Close the connections of the client in use."""
        await self._client.close()
