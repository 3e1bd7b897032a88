"""A loopback model server inside the test's process, and a deployment that names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from evaluation.model_server.engine import Engine
from evaluation.model_server.faults import FaultPlan
from evaluation.model_server.server import Latency, ModelServer
from routing.completion import TokenUsage
from routing.deployment import DeploymentSpec, ModelSpec, PriceSpec, QueueSpec, WorkerSpec
from routing.price import PriceList
from workers.loop_thread import LoopThread


@dataclass(frozen=True, slots=True)
class Loopback:
    """A running server: its address, and its own count of calls."""

    base_url: str
    server: ModelServer

    def deployment(self, lease_s: float = 30.0, timeout_s: float = 5.0, **models: str) -> DeploymentSpec:
        """Return a deployment whose models (name: the server's engine) all live here."""
        return DeploymentSpec(
            models={
                name: ModelSpec(
                    name=name,
                    provider="openai",
                    model=engine,
                    base_url=self.base_url,
                    price=PriceSpec(input=1, output=10),
                    timeout_s=timeout_s,
                )
                for name, engine in (models or {"small": "small", "large": "large"}).items()
            },
            queues={"cheap": QueueSpec(concurrency=20, chunk=4), "expensive": QueueSpec(concurrency=5, chunk=2)},
            workers=WorkerSpec(lease_s=lease_s),
        )

    def billed_nano_usd(self, deployment: DeploymentSpec) -> int:
        """Return what the answers given so far cost by the server's own count; models are named as their engines."""
        prices, counted = PriceList(deployment.models), self.server.ledger
        return sum(
            prices.cost(model, TokenUsage(counted.input_tokens[model], counted.output_tokens[model]))
            for model in counted.answered
        )


@contextmanager
def loopback(
    engines: Mapping[str, Engine], latency: Latency | None = None, faults: FaultPlan | None = None
) -> Iterator[Loopback]:
    """Serve these engines on a free port while the context lasts."""
    loop = LoopThread()
    server = ModelServer(engines, latency, faults)
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=0.1)

    async def start() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port: int = runner.addresses[0][1]
        return port

    port = loop.wait_for(start())
    try:
        yield Loopback(f"http://127.0.0.1:{port}/v1", server)
    finally:
        loop.wait_for(runner.cleanup())
        loop.close()


def answering(answer: str | Callable[[str], str]) -> Engine:
    """Return an engine that answers with a text, or with what a function makes of the last message."""
    return lambda request: answer if isinstance(answer, str) else answer(request.document)
