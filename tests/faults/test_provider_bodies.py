"""Bodies that are no answers, asked for by a whole queue at once: each is one typed trouble, in little memory."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zlib
from contextlib import ExitStack

import pytest

from routing.errors import Trouble
from tests.faults.trial import Trial
from tests.support.asking import CLIENTS
from tests.support.raw_http import Behaviour, answer, chunked, raw_server
from tests.support.runs import ROOT

BOMB_BYTES = 600_000_000
MOST_ABOVE_IDLE_MB = 100
READABLE = json.dumps({"choices": [{"message": {"content": "{}"}}]}).encode()
JSON, HTML, GZIP = "Content-Type: application/json", "Content-Type: text/html", "Content-Encoding: gzip"
_TYPED = {Trouble.BAD_BODY, Trouble.CIRCUIT_OPEN}


def _bomb() -> bytes:
    compress = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    block = bytes(1_000_000)
    return b"".join(compress.compress(block) for _ in range(BOMB_BYTES // len(block))) + compress.flush()


def _bodies() -> dict[str, Behaviour]:
    """Return what is answered by name; what begins with `good` can be read."""
    return {
        "good": answer(READABLE, JSON),
        "good under a wrong content type": answer(READABLE, HTML),
        "600 MB from a small gzip": answer(_bomb(), JSON, GZIP),
        "600 MB as they are": answer(b"x" * 5_000_000, JSON, length=BOMB_BYTES),
        "noise behind a gzip": answer(gzip.compress(READABLE) + b"x" * 5_000_000, JSON, GZIP),
        "HTML with status 200": answer(b"<html><body>Welcome to the proxy</body></html>", HTML),
        "HTML as JSON": answer(b"<html><body>Welcome to the proxy</body></html>", JSON),
        "wrong charset": answer('{"choices": [{"message": {"content": "café"}}]}'.encode("latin-1"), JSON),
        "UTF-16": answer(READABLE.decode().encode("utf-16"), "Content-Type: application/json; charset=utf-16"),
        "truncated JSON": answer(READABLE[:-9], JSON),
        "a million empty objects": answer(b"[" + b"{}," * 1_000_000 + b"{}]", JSON),
        "the same of unknown length": chunked(b"[" + b"{}," * 1_000_000 + b"{}]", JSON),
    }


@pytest.mark.parametrize("client", CLIENTS)
def test_bodies_that_are_no_answers_are_typed_and_cost_little_memory(client: str, trial: Trial) -> None:
    """A queue's calls in flight all meet the same body: BAD_BODY, below 100 MB above idle; the readable are read."""
    calls = trial.size(50, 200)
    with ExitStack() as servers:
        urls = [f"{name}={servers.enter_context(raw_server(body)).url}" for name, body in _bodies().items()]
        command = [sys.executable, "-m", "tests.support.asking", client, str(calls), *urls]
        asked = json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=600).stdout)
    heaviest = max(asked, key=lambda name: float(asked[name]["peak_mb"]))
    untyped = [
        f"{name}: {outcomes}"
        for name, outcomes in ((name, set(told["outcomes"])) for name, told in asked.items())
        if outcomes != {"{}"} and (name.startswith("good") or Trouble.BAD_BODY not in outcomes or outcomes - _TYPED)
    ]
    trial.report(
        8,
        f"bodies that are no answers ({client})",
        None,
        times=len(asked),
        peak_mb_above_idle=round(asked[heaviest]["peak_mb"]),
        heaviest=heaviest,
        calls_at_once=calls,
        untyped=untyped,
    )
    assert not untyped
    assert asked[heaviest]["peak_mb"] < MOST_ABOVE_IDLE_MB
