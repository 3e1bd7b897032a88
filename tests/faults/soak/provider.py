"""`python -m tests.faults.soak.provider`: the loopback model server, with storms and outages on demand.

Prints two addresses as JSON: of the models, and of `POST /weather`, which takes the shares of faulty calls and whether
connections are refused. Calls that are being answered when the weather changes are still answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from evaluation.model_server.faults import Fault, FaultPlan
from evaluation.model_server.loading import load_engines
from evaluation.model_server.server import Latency, ModelServer
from tests.support.runs import ROOT, ModelServerProcess, Workplace

HOST = "127.0.0.1"
_SHUTDOWN_S = 1.0


@dataclass(frozen=True)
class ProviderProcess(ModelServerProcess):
    """The server from outside."""

    weather_url: str
    pid: int

    def storm(self, shares: dict[Fault, float]) -> None:
        """Let these shares of calls meet faults."""
        self._set({"shares": shares, "refuses": False})

    def refuse(self) -> None:
        """Refuse and cut connections."""
        self._set({"shares": {}, "refuses": True})

    def calm(self) -> None:
        """Answer everything."""
        self._set({"shares": {}, "refuses": False})

    def _set(self, weather: dict[str, Any]) -> None:
        request = urllib.request.Request(self.weather_url, json.dumps(weather).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            answer.read()


@contextmanager
def weathered(place: Workplace, latency_ms: int, seed: int) -> Iterator[tuple[Workplace, ProviderProcess]]:
    """Yield the workplace with its models answered by this server; the faults of its storms follow from the seed."""
    command = [sys.executable, "-m", "tests.faults.soak.provider", str(place.folder / "invoices/engines.py")]
    with subprocess.Popen(
        [*command, str(latency_ms), str(seed)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        try:
            addresses = json.loads(process.stdout.readline())
            provider = ProviderProcess(addresses["base_url"], addresses["weather_url"], process.pid)
            environment = place.environment | {"CHEAPFIRST_SERVER_OFFLINE": provider.base_url}
            yield Workplace(place.folder, environment), provider
        finally:
            process.terminate()


class _Front:
    """The models' address, which may be closed and opened again."""

    def __init__(self, server: ModelServer, plan: FaultPlan) -> None:
        self._plan = plan
        application = server.application()
        application.middlewares.append(self._cut)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        self._site: web.TCPSite | None = None
        self._port = 0

    async def open(self) -> str:
        """Listen, and return the address; the same each time."""
        if not self._port:
            await self._runner.setup()
        self._site = web.TCPSite(self._runner, HOST, self._port, backlog=4096)
        await self._site.start()
        self._port = self._runner.addresses[0][1]
        return f"http://{HOST}:{self._port}/v1"

    async def close(self) -> None:
        """Stop listening."""
        assert self._site is not None
        await self._site.stop()
        self._site = None

    async def end(self) -> None:
        """Let go of everything."""
        await self._runner.cleanup()

    async def set(self, request: web.Request) -> web.Response:
        """Change the weather."""
        weather = await request.json()
        self._plan.shares = {Fault(name): share for name, share in weather["shares"].items()}
        if weather["refuses"] and self._site is not None:
            await self.close()
        elif not weather["refuses"] and self._site is None:
            await self.open()
        return web.json_response({})

    @web.middleware
    async def _cut(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        if self._site is None and request.path.startswith("/v1/"):
            assert request.transport is not None
            request.transport.abort()
        answer: web.StreamResponse = await handler(request)
        return answer


async def _serve(front: _Front) -> None:
    weather = web.Application()
    weather.add_routes([web.post("/weather", front.set)])
    control = web.AppRunner(weather, access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await control.setup()
    await web.TCPSite(control, HOST, 0).start()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    addresses = {
        "base_url": await front.open(),
        "weather_url": f"http://{HOST}:{control.addresses[0][1]}/weather",
    }
    print(json.dumps(addresses), flush=True)  # noqa: T201 - what the caller reads
    await ended.wait()
    await front.end()
    await control.cleanup()


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engines", type=Path)
    parser.add_argument("latency_ms", type=float)
    parser.add_argument("seed", type=int)
    options = parser.parse_args()
    plan = FaultPlan({}, options.seed)
    server = ModelServer(load_engines(options.engines), Latency(options.latency_ms / 1000), plan)
    asyncio.run(_serve(_Front(server, plan)))


if __name__ == "__main__":
    main()
