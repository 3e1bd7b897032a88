"""What large answers leave in a connection is let go of."""

from __future__ import annotations

import asyncio

from gateway.body_reader import LARGE_FROM_BYTES
from gateway.pyreqwest_transport import PyreqwestTransport
from gateway.renewed_client import RENEWED_AFTER
from tests.support.raw_http import answer, raw_server

_SMALL, _LARGE = b"{}", b"x" * (LARGE_FROM_BYTES + 1)


def _connections(bodies: list[bytes]) -> list[object]:
    """Return over which connection each of these answers came, one after the other."""
    waiting = iter(bodies)
    seen: list[object] = []

    async def behave(writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("peername"))
        await answer(next(waiting))(writer)

    async def ask(url: str) -> None:
        transport = PyreqwestTransport()
        for body in bodies:
            assert (await transport.post(url, {}, b"{}", 60.0)).body == body
        await transport.aclose()

    with raw_server(behave) as server:
        asyncio.run(ask(server.url))
    return seen


def test_small_answers_share_a_connection() -> None:
    """Nothing is made anew for them."""
    assert len(set(_connections([_SMALL] * 3 * RENEWED_AFTER))) == 1


def test_a_connection_goes_after_a_few_large_answers() -> None:
    """Small ones in between do not count."""
    *before, after = _connections([_LARGE, _SMALL] * RENEWED_AFTER)
    assert len(set(before)) == 1
    assert after not in before
