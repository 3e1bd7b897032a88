"""`python -m tests.support.asking CLIENT CALLS NAME=URL...`: ask servers many times at once, and weigh this process.

Prints a JSON object: for each name what came of the calls, how much memory they took above idle, and the time it took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter

from gateway.gateway import Gateway
from gateway.httpx_transport import HttpxTransport
from gateway.pyreqwest_transport import PyreqwestTransport
from routing.completion import Message, Prompt
from routing.deployment import ModelSpec
from routing.errors import ProviderTroubleError
from tests.support.resident_memory import forget_peak, peak_mb, resident_mb

CLIENTS = {"pyreqwest": PyreqwestTransport, "httpx": HttpxTransport}
TIMEOUT_S = 120.0
"""A slow machine must not be taken for a provider that hangs."""
_PROMPT = Prompt((Message("user", "TOTAL 9.00"),), {"type": "object"})


async def _ask(client: str, calls: int, base_url: str) -> dict[str, object]:
    spec = ModelSpec(name="m", provider="openai", model="m", base_url=base_url, timeout_s=TIMEOUT_S)
    gateway = Gateway({"m": spec}, {}, CLIENTS[client]())

    async def outcome() -> str:
        try:
            answer = await gateway.complete("m", _PROMPT, max_output_tokens=50, tries=1)
        except ProviderTroubleError as error:
            return error.trouble
        return answer.text[:10]

    forget_peak()
    idle_mb, began = resident_mb(), time.monotonic()
    outcomes = Counter(await asyncio.gather(*(outcome() for _ in range(calls))))
    taken = {"outcomes": outcomes, "peak_mb": peak_mb() - idle_mb, "took_s": time.monotonic() - began}
    await gateway.aclose()
    return taken


def main() -> None:
    """Ask each server in turn."""
    client, calls, *servers = sys.argv[1:]
    told = {}
    for server in servers:
        name, _, url = server.partition("=")
        told[name] = asyncio.run(_ask(client, int(calls), url.removesuffix("/chat/completions")))
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
