"""The address a model server listens at: it may be left for a while, and be taken again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from asyncio import BaseTransport

BACKLOG = 4096


class Listener:
    """Listens for an application's runner. Port 0 takes a free one, and keeps it."""

    def __init__(self, runner: web.AppRunner, host: str, port: int) -> None:
        self._runner = runner
        self._host = host
        self._port = port
        self._site: web.TCPSite | None = None

    async def start(self) -> int:
        """Listen, and return the port."""
        self._site = web.TCPSite(self._runner, self._host, self._port, backlog=BACKLOG, reuse_address=True)
        await self._site.start()
        self._port = self._runner.addresses[0][1]
        return self._port

    async def stop(self) -> None:
        """Refuse new connections."""
        if self._site is not None:
            await self._site.stop()
            self._site = None

    def cut(self, *, besides: BaseTransport | None) -> None:
        """Reset every connection but one."""
        server = self._runner.server
        for connection in () if server is None else server.connections:
            if connection.transport is not None and connection.transport is not besides:
                connection.transport.abort()
