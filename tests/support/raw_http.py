"""A loopback server that misbehaves on the level of bytes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from workers.loop_thread import LoopThread

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class RawServer:
    """Where it listens, and the heads of the requests it saw."""

    url: str = ""
    requests: list[str] = field(default_factory=list)


@contextmanager
def raw_server(behave: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Read each request, then do what the test says with the connection."""
    loop = LoopThread()
    seen = RawServer()

    serving: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                seen.requests.append(head.decode("latin-1"))
                for line in head.decode("latin-1").lower().split("\r\n"):
                    if line.startswith("content-length:"):
                        await reader.readexactly(int(line.partition(":")[2]))
                await behave(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            await _closed(writer)

    async def start() -> asyncio.Server:
        return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)

    async def stop() -> None:
        server.close()
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:  # a connection being accepted becomes one more
            await asyncio.sleep(0)  # a task cancelled before its first step would close nothing
            for task in tasks & serving:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    server = loop.wait_for(start())
    port = server.sockets[0].getsockname()[1]
    seen.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/v1/chat/completions"
    try:
        yield seen
    finally:
        loop.wait_for(stop())
        loop.close()


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Close the connection, once what was written has left or the other side is gone."""
    writer.close()
    try:
        await writer.wait_closed()
    except (OSError, asyncio.CancelledError):
        writer.transport.abort()


def answer(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> Behaviour:
    """Return a behaviour that answers with these bytes, under a true or a false length."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
        writer.write("\r\n".join(head).encode("latin-1") + body)

    return behave


def chunked(body: bytes, *headers: str, piece_bytes: int = 16_384, ends: bool = True) -> Behaviour:
    """Return a behaviour that answers with these bytes without telling how many they are, and may leave out the end."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        head = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *headers, "", ""]
        writer.write("\r\n".join(head).encode("latin-1"))
        for begin in range(0, len(body), piece_bytes):
            piece = body[begin : begin + piece_bytes]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if ends:
            writer.write(b"0\r\n\r\n")

    return behave


def dripping(interval_s: float) -> Behaviour:
    """Return a behaviour that sends a byte now and then, without end."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(interval_s)

    return behave


async def hang(_writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.sleep(3600)


def then_hang_up(sent: bytes) -> Behaviour:
    """Return a behaviour that sends these bytes, whatever they are, and closes the connection."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        writer.close()

    return behave
