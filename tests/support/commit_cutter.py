"""A way to PostgreSQL that cuts connections in the middle of a commit: before it arrives, or before its answer does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import Literal

from sqlalchemy.engine import make_url

from workers.loop_thread import LoopThread

Cut = Literal["before", "after"]
_BLOCK = 65_536
_COMMITS = (b"COMMIT\0", b"WITH taken AS")
"""What a commit looks like on its way: said, or made by the server after a claim that is a transaction of its own."""


class CommitCutter:
    """Cuts about every `every`th commit while some of `cuts` are left; `made` counts them by kind."""

    def __init__(self, upstream_port: int, random: Random, cuts: int, every: int) -> None:
        self._upstream_port = upstream_port
        self._random = random
        self._left = cuts
        self._every = every
        self.made: Counter[Cut] = Counter()
        self._serving: set[asyncio.Task[None] | None] = set()

    async def serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Carry bytes both ways until one side ends or a commit is cut."""
        self._serving.add(asyncio.current_task())
        try:
            server, forward = await asyncio.open_connection("127.0.0.1", self._upstream_port)
            try:
                await self._carry(client, back, server, forward)
            finally:
                forward.transport.abort()
        finally:
            back.transport.abort()

    async def end(self, listener: asyncio.Server) -> None:
        """Close every connection; a loop that ends with one open leaves it to the garbage collector."""
        listener.close()
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:  # a connection being accepted becomes one more
            await asyncio.sleep(0)  # a task cancelled before its first step would close nothing
            for task in tasks & self._serving:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(
        self,
        client: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        forward: asyncio.StreamWriter,
    ) -> None:
        answered = asyncio.Event()  # set where the next answer is to be the last thing that happens
        ways = [
            asyncio.create_task(self._there(client, forward, answered)),
            asyncio.create_task(_back(server, back, answered)),
        ]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if done == {ways[0]} and answered.is_set():
                await ways[1]
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _there(
        self, client: asyncio.StreamReader, forward: asyncio.StreamWriter, last_answer: asyncio.Event
    ) -> None:
        with suppress(ConnectionError):
            while data := await client.read(_BLOCK):
                cut = self._cut() if any(commit in data for commit in _COMMITS) else None
                if cut == "before":
                    return
                if cut == "after":
                    last_answer.set()
                forward.write(data)

    def _cut(self) -> Cut | None:
        if not self._left or self._random.randrange(self._every):
            return None
        self._left -= 1
        cut: Cut = "before" if self._random.random() < 0.5 else "after"
        self.made[cut] += 1
        return cut


async def _back(server: asyncio.StreamReader, back: asyncio.StreamWriter, last_answer: asyncio.Event) -> None:
    with suppress(ConnectionError):
        while data := await server.read(_BLOCK):
            if last_answer.is_set():
                return
            back.write(data)


@contextmanager
def commit_cutter(url: str, random: Random, *, cuts: int, every: int) -> Iterator[tuple[str, CommitCutter]]:
    """Open the way to the database at an address while the context lasts; yield the address to use instead."""
    address = make_url(url)
    assert address.port is not None
    cutter = CommitCutter(address.port, random, cuts, every)
    loop = LoopThread()
    server = loop.wait_for(asyncio.start_server(cutter.serve, "127.0.0.1", 0))
    try:
        port: int = server.sockets[0].getsockname()[1]
        yield address.set(port=port).render_as_string(hide_password=False), cutter
    finally:
        loop.wait_for(cutter.end(server))
        loop.close()
