"""`python -m evaluation.model_server`: serve offline engines or recorded models on loopback."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from evaluation.model_server.faults import FaultPlan, parse_shares
from evaluation.model_server.listener import Listener
from evaluation.model_server.loading import load_engines
from evaluation.model_server.server import Latency, ModelServer
from evaluation.model_server.storms import Storms
from routing.errors import CheapfirstError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evaluation.model_server.engine import Engine

_SHUTDOWN_S = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal."""
    options = _parser().parse_args(arguments)
    try:
        latency = Latency(options.latency_ms / 1000, options.latency_sigma, random.Random(options.seed))  # noqa: S311
        faults = FaultPlan(parse_shares(options.fault_rate), options.seed)
        server = ModelServer(_engines(options), latency, faults)
        asyncio.run(_serve(server, options.host, options.port, stormy=options.storms))
    except (CheapfirstError, OSError) as error:
        print(f"model server: {error}", file=sys.stderr)  # noqa: T201 - a command of its own
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evaluation.model_server", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--engines", type=Path, help="a Python file that defines ENGINES")
    source.add_argument("--recordings", type=Path, help="a JSONL file of recorded models")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="the median latency of an answer")
    parser.add_argument("--latency-sigma", type=float, default=0.0, help="its lognormal spread")
    parser.add_argument("--fault-rate", default="", help="shares of faulty calls, such as 429=0.1,500=0.05")
    parser.add_argument(
        "--storms", action="store_true", help="let POST /storm begin faults that all calls meet a while"
    )
    parser.add_argument("--seed", type=int, default=0, help="of latencies and faults")
    return parser


def _engines(options: argparse.Namespace) -> dict[str, Engine]:
    if options.engines is not None:
        return load_engines(options.engines)
    from evaluation.replay.engines import replay_engines

    engines: dict[str, Engine] = replay_engines(options.recordings)
    return engines


async def _serve(server: ModelServer, host: str, port: int, *, stormy: bool) -> None:
    application = server.application()
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_S)
    listener = Listener(runner, host, port)
    if stormy:
        server.expose(application, Storms(listener))
    await runner.setup()
    bound = await listener.start()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    print(json.dumps({"base_url": f"http://{host}:{bound}/v1"}), flush=True)  # noqa: T201 - what the caller reads
    await ended.wait()
    await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
