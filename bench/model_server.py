"""The model server of the benchmarks: an OpenAI-compatible server on loopback that does next to nothing.

Plain HTTP/1.1 on asyncio's protocols, one process, so that what is measured is the other side. It answers after a fixed
or lognormal latency; a document that holds `HARD` gets an answer from the model `cheap` that fails the checks. With
`--limit-per-s` it refuses what is beyond a token bucket of one second with 429, without saying what its limit is. With
`--arrivals` it writes a line for each call: when it had come whole, by the machine's monotonic clock in seconds.

    python bench/model_server.py [--latency-ms 200] [--sigma 0] [--limit-per-s 0] [--arrivals FILE]

prints `{"base_url": ...}` once it listens. `GET /stats` tells of all calls so far.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import IO

RIGHT = '{"company": "Corner Shop", "date": "2018-12-25", "address": "1 High Street", "total": 9.0}'
WRONG = '{"company": "Corner Shop", "date": "2018-12-25", "address": "1 High Street", "total": 4711.0}'
_LENGTH = b"content-length:"
_END = b"\r\n\r\n"


def _answer(model: str, content: str) -> bytes:
    usage = {"prompt_tokens": 300, "completion_tokens": 30, "total_tokens": 330}
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return _response(
        "200 OK",
        {"id": "c", "object": "chat.completion", "created": 0, "model": model, "choices": [choice], "usage": usage},
    )


def _response(status: str, body: object) -> bytes:
    encoded = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(encoded)}\r\n\r\n"
    return head.encode() + encoded


LIMITED = _response("429 Too Many Requests", {"error": {"message": "too many requests", "code": "rate_limit_exceeded"}})
ANSWERS = {
    (model, is_hard): _answer(model, WRONG if is_hard and model == "cheap" else RIGHT)
    for model in ("cheap", "expensive")
    for is_hard in (False, True)
}


@dataclass(slots=True)
class Provider:
    """What all connections share: latency, limit, counts."""

    latency_s: float
    sigma: float
    limit_per_s: float
    arrivals: IO[str] | None = None
    calls: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    most_in_flight: int = 0
    _random: random.Random = field(default_factory=lambda: random.Random(0))
    _tokens: float = 0.0
    _filled_at: float = 0.0

    def admits(self) -> bool:
        """Take one call, if there is room under the limit."""
        if not self.limit_per_s:
            return True
        now = time.monotonic()
        self._tokens = min(self.limit_per_s, self._tokens + (now - self._filled_at) * self.limit_per_s)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def draw_latency_s(self) -> float:
        """Return how long the next answer takes."""
        return self.latency_s * (self._random.lognormvariate(0.0, self.sigma) if self.sigma else 1.0)

    def stats(self) -> dict[str, object]:
        """Return the counts so far."""
        return {"calls": dict(self.calls), "most_in_flight": self.most_in_flight}


class Connection(asyncio.Protocol):
    """One client's connection. Requests come one after the other, as HTTP/1.1 clients send them."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while (request := self._next_request()) is not None:
            self._handle(request)

    def _next_request(self) -> bytes | None:
        end = self._received.find(_END)
        if end < 0:
            return None
        head = bytes(self._received[:end]).lower()
        at = head.find(_LENGTH)
        length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        whole = end + len(_END) + length
        if len(self._received) < whole:
            return None
        request = bytes(self._received[:whole])
        del self._received[:whole]
        return request

    def _handle(self, request: bytes) -> None:
        provider = self._provider
        if request.startswith(b"GET"):
            self._send(_response("200 OK", provider.stats()))
            return
        if provider.arrivals is not None:
            print(time.monotonic(), file=provider.arrivals, flush=True)
        if not provider.admits():
            provider.calls["limited"] += 1
            self._send(LIMITED)
            return
        model = "expensive" if b'"expensive"' in request else "cheap"
        provider.in_flight += 1
        provider.most_in_flight = max(provider.most_in_flight, provider.in_flight)
        self._loop.call_later(provider.draw_latency_s(), self._end, model, ANSWERS[model, b"HARD" in request])

    def _end(self, model: str, answer: bytes) -> None:
        self._provider.in_flight -= 1
        self._provider.calls[model] += 1
        self._send(answer)

    def _send(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def _serve(provider: Provider) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(provider), "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"base_url": f"http://127.0.0.1:{port}/v1"}), flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency-ms", type=float, default=200.0)
    parser.add_argument("--sigma", type=float, default=0.0)
    parser.add_argument("--limit-per-s", type=float, default=0.0)
    parser.add_argument("--arrivals", type=argparse.FileType("w"))
    options = parser.parse_args()
    asyncio.run(_serve(Provider(options.latency_ms / 1000, options.sigma, options.limit_per_s, options.arrivals)))


if __name__ == "__main__":
    main()
