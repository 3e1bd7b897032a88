"""CPU time of one model call, for each way to send it: `python bench/transport.py`.

A loopback model server in a process of its own answers after a fixed latency; this process keeps a fixed number of
calls in flight and counts its own CPU time, native threads included. The ways take turns, so that a noisy machine hits
all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import orjson
from pyreqwest.client import ClientBuilder
from pyreqwest.compatibility.httpx import HttpxTransport as HttpxOverPyreqwest

from gateway.gateway import Gateway
from gateway.httpx_transport import HttpxTransport
from gateway.pyreqwest_transport import PyreqwestTransport
from routing.completion import Message, Prompt
from routing.deployment import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from gateway.transport import Transport

HERE = Path(__file__).parent
SHARD = 8
TIMEOUT_S = 60.0
TEXT = "CORNER SHOP\n1 HIGH STREET\nDATE: 25/12/2018\n" + "ITEM   1 X 3.00   3.00\n" * 40 + "TOTAL 9.00\nCASH 10.00\n"
FIELDS: dict[str, Any] = {name: {"type": "string"} for name in ("company", "date", "address")}
SCHEMA = {
    "type": "object",
    "properties": FIELDS | {"total": {"type": "number"}},
    "required": [*FIELDS, "total"],
    "additionalProperties": False,
}
PROMPT = Prompt((Message("system", "Extract."), Message("user", f"<document>\n{TEXT}\n</document>")), SCHEMA)
HEADERS = {"content-type": "application/json", "accept": "application/json", "authorization": "Bearer none"}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to send a call."""

    name: str
    call: Callable[[], Awaitable[object]]


async def _ways(base_url: str, stack: AsyncExitStack) -> Sequence[Way]:
    url = f"{base_url}/chat/completions"
    body = orjson.dumps(
        {"model": "cheap", "messages": [{"role": m.role, "content": m.content} for m in PROMPT.messages]}
    )
    return [
        Way("httpx, one pool", _through(HttpxTransport(), url, body, stack)),
        Way(f"httpx, pools of {SHARD}", await _httpx_sharded(url, body, stack)),
        Way("httpx on pyreqwest", await _httpx_on_pyreqwest(url, body, stack)),
        Way("aiohttp", await _aiohttp(url, body, stack)),
        Way("pyreqwest", _through(PyreqwestTransport(), url, body, stack)),
        Way("the whole gateway, on pyreqwest", _gateway(base_url, stack)),
    ]


def _through(transport: Transport, url: str, body: bytes, stack: AsyncExitStack) -> Callable[[], Awaitable[object]]:
    stack.push_async_callback(transport.aclose)
    return lambda: transport.post(url, HEADERS, body, TIMEOUT_S)


async def _httpx_sharded(url: str, body: bytes, stack: AsyncExitStack) -> Callable[[], Awaitable[object]]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    clients = [await stack.enter_async_context(httpx.AsyncClient(timeout=None, limits=limits)) for _ in range(25)]
    free = clients * SHARD

    async def call() -> object:
        client = free.pop()
        try:
            return await _httpx_call(client, url, body)
        finally:
            free.append(client)

    return call


async def _httpx_on_pyreqwest(url: str, body: bytes, stack: AsyncExitStack) -> Callable[[], Awaitable[object]]:
    inner = await stack.enter_async_context(ClientBuilder().follow_redirects(enable=False).build())
    client = await stack.enter_async_context(httpx.AsyncClient(transport=HttpxOverPyreqwest(inner), timeout=None))
    return lambda: _httpx_call(client, url, body)


async def _httpx_call(client: httpx.AsyncClient, url: str, body: bytes) -> object:
    async with asyncio.timeout(TIMEOUT_S), client.stream("POST", url, headers=HEADERS, content=body) as response:
        return response.status_code, b"".join([part async for part in response.aiter_raw()])


async def _aiohttp(url: str, body: bytes, stack: AsyncExitStack) -> Callable[[], Awaitable[object]]:
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))

    async def call() -> object:
        async with (
            asyncio.timeout(TIMEOUT_S),
            session.post(url, headers=HEADERS, data=body, allow_redirects=False) as response,
        ):
            return response.status, await response.read()

    return call


def _gateway(base_url: str, stack: AsyncExitStack) -> Callable[[], Awaitable[object]]:
    spec = ModelSpec(name="small", provider="openai", model="cheap", base_url=base_url, timeout_s=TIMEOUT_S)
    gateway = Gateway({"small": spec}, {}, PyreqwestTransport())
    stack.push_async_callback(gateway.aclose)
    return lambda: gateway.complete("small", PROMPT, max_output_tokens=500)


async def _cpu_ms(way: Way, calls: int, in_flight: int) -> float:
    """Return the CPU time of one call, connections already made."""
    await _run(way, in_flight, in_flight)
    began = time.process_time()
    await _run(way, calls, in_flight)
    return (time.process_time() - began) * 1000 / calls


async def _run(way: Way, calls: int, in_flight: int) -> None:
    left = iter(range(calls))

    async def caller() -> None:
        for _ in left:
            await way.call()

    await asyncio.gather(*(caller() for _ in range(in_flight)))


async def _measure(base_url: str, options: argparse.Namespace) -> Mapping[str, list[float]]:
    async with AsyncExitStack() as stack:
        ways = await _ways(base_url, stack)
        measured: dict[str, list[float]] = {way.name: [] for way in ways}
        for _ in range(options.rounds):
            for way in ways:
                measured[way.name].append(await _cpu_ms(way, options.calls, options.in_flight))
        return measured


def main() -> None:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--in-flight", type=int, default=200)
    parser.add_argument("--latency-ms", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    command = [sys.executable, "-m", "evaluation.model_server", "--engines", str(HERE / "engines.py")]
    with subprocess.Popen([*command, "--latency-ms", str(options.latency_ms)], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            measured = asyncio.run(_measure(json.loads(server.stdout.readline())["base_url"], options))
        finally:
            server.terminate()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("httpx", "aiohttp", "pyreqwest"))
    print(f"{options.rounds} rounds of {options.calls} calls, {options.in_flight} in flight")
    print(f"{options.latency_ms} ms latency, Python {platform.python_version()}, {libraries}")
    for name, values in measured.items():
        print(f"{name:34} {statistics.median(values):8.3f} CPU ms a call   ({min(values):.3f} .. {max(values):.3f})")


if __name__ == "__main__":
    main()
