"""A provider that tells everybody what it was sent: keys and documents come back in its errors, headers and pages.

What it does with a call is said by the document, as `case NAME`. It speaks both wire formats, and takes spans as a
collector would.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_CASE = re.compile(r"case (\w+)")
STATUSES = {"bad_request": 400, "long": 413, "limited": 429, "trouble": 500, "storm": 503, "moved": 307, "key": 401}
FAILURES = {"limited": 1, "trouble": 1, "storm": 5, "page": 1, "cut": 1}
"""How often the cheap model fails a document of this case before it answers; every time where a case is not here."""


@dataclass
class EchoingProvider:
    """Where it listens, and what it was sent. `answers` are texts by case, or by model and case."""

    answers: dict[str, str]
    base_url: str = ""
    received: bytearray = field(default_factory=bytearray)
    spans: bytearray = field(default_factory=bytearray)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)

    def case_of(self, model: str, body: bytes) -> str | None:
        """Return what is to go wrong with a call, None where it is answered."""
        said = _CASE.search(body.decode())
        case = said[1] if said else ""
        with _COUNTING:
            self.calls[model, case] += 1
            failures = FAILURES.get(case, 1 if case in STATUSES else 0)
            always = case not in FAILURES and model == "small"
            fails = case in {*STATUSES, *FAILURES} and (always or self.calls[model, case] <= failures)
        return case if fails and (model == "small" or case == "key") else None

    def answer(self, model: str, body: bytes) -> str:
        """Return the text a model answers."""
        said = _CASE.search(body.decode())
        case = said[1] if said else ""
        return self.answers.get(f"{model} {case}") or self.answers.get(case) or self.answers[""]


_COUNTING = threading.Lock()


@contextmanager
def echoing_provider(answers: dict[str, str]) -> Iterator[EchoingProvider]:
    """Serve on loopback while the context lasts."""
    provider = EchoingProvider(answers)
    handler = type("Handler", (_Handler,), {"provider": provider})
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        provider.base_url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Say nothing of connections that the other side has cut."""


class _Handler(BaseHTTPRequestHandler):
    provider: EchoingProvider
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/v1/traces"):
            self.provider.spans += body
            self._send(200, b"")
            return
        head = str(self.headers).encode()
        self.provider.received += head + body
        model = json.loads(body)["model"]
        case = self.provider.case_of(model, body)
        if case is None:
            self._send(200, json.dumps(self._completion(self.provider.answer(model, body))).encode())
        elif case == "cut":
            self.close_connection = True
        elif case == "page":
            self._send(200, b"<html><script>" + head + body + b"</script></html>", "text/html")
        else:
            self._send(STATUSES[case], self._echo(body))

    def _completion(self, text: str) -> dict[str, Any]:
        usage = {"prompt_tokens": 9, "completion_tokens": 9, "input_tokens": 9, "output_tokens": 9}
        if self.path.endswith("/messages"):
            return {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "usage": usage}
        return {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": usage}

    def _echo(self, body: bytes) -> bytes:
        """Return an error in the form of both providers, with the key wherever one is read or may be."""
        key = self.headers.get("x-api-key") or self.headers["authorization"].removeprefix("Bearer ")
        said = {"code": key, "type": key, "param": key, "message": f"Incorrect key {key} for {body.decode()}"}
        return json.dumps({"type": "error", "error": said, "request_id": key}).encode()

    def _send(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        key = self.headers.get("x-api-key") or self.headers.get("authorization") or ""
        self.send_response(status, key)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", "0" if status in {429, 500, 503} else key)
        self.send_header("Location", f"{self.provider.base_url}/elsewhere?key={key.removeprefix('Bearer ')}")
        self.send_header("X-Request-Id", key)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
