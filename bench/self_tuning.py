"""How `concurrency: auto` finds the limit of a provider that hides it.

The model server lets so many calls a second through (a token bucket of one second) and refuses the rest with 429 and
nothing else. One or more worker processes of one queue begin at once; the rate of answers and the share of calls
that were refused, the beginning included, are printed for each ten seconds, and after the first minute as one figure.

    python bench/self_tuning.py [--limit-per-s 100] [--latency-ms 200] [--sigma 0.3] [--processes 1] [--seconds 120]
"""

from __future__ import annotations

import argparse
import json
import threading
import urllib.request

from bench.stage import HERE, Queues, Stage, stage
from storage import workers

SETTLED_AFTER_S = 60
STEP_S = 10


def main() -> None:
    """Run, and print a line for each ten seconds and the verdict."""
    options = _options()
    server = [
        *(str(HERE / "model_server.py"), "--latency-ms", str(options.latency_ms)),
        *("--sigma", str(options.sigma), "--limit-per-s", str(options.limit_per_s)),
    ]
    with stage(Queues("auto"), "postgresql", server) as at:
        job = at.submit(round(options.limit_per_s * (options.seconds + STEP_S)), hard_every=0)
        with at.workers(["cheap"] * options.processes):
            at.publish(job)
            answered, refused, settled_at = _watch(at, options.seconds)
    rate = (answered - settled_at) / (options.seconds - SETTLED_AFTER_S)
    print(
        f"limit {options.limit_per_s:g}/s: after a minute {rate:.1f}/s ({rate / options.limit_per_s - 1:+.1%}); "
        f"{refused / (answered + refused):.2%} of all {answered + refused} calls were refused"
    )


def _watch(at: Stage, seconds: int) -> tuple[int, int, int]:
    """Return the answers and refusals in all, and the answers before it counts as settled."""
    pause, settled_at = threading.Event(), 0
    answered = refused = 0
    for second in range(STEP_S, seconds + 1, STEP_S):
        pause.wait(STEP_S)
        calls = _calls(at.base_url)
        now, refused_now = calls.get("cheap", 0), calls.get("limited", 0)
        sizes = [worker.concurrency for worker in workers.running(at.database)]
        rate = (now - answered) / STEP_S
        print(f"{second:4} s  {rate:7.1f}/s  {refused_now - refused:5} refused  concurrency {sizes}", flush=True)
        answered, refused = now, refused_now
        if second == SETTLED_AFTER_S:
            settled_at = answered
    return answered, refused, settled_at


def _calls(base_url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{base_url}/stats") as answer:
        calls: dict[str, int] = json.load(answer)["calls"]
    return calls


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit-per-s", type=float, default=100)
    parser.add_argument("--latency-ms", type=int, default=200)
    parser.add_argument("--sigma", type=float, default=0.3)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=120)
    return parser.parse_args()


if __name__ == "__main__":
    main()
