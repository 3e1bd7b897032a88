"""`python -m tests.faults.soak` (`make soak SOAK="--minutes 10"`): play a soak and say whether it was passed.

Exit status: 0 passed, 1 not. Samples and events are written to --file as they come; its lines are JSON. What the
processes log is kept in the folder of the same name, which a later soak makes anew.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import shutil
import sys
from pathlib import Path

from tests.faults.soak.flatness import ALLOWED, Patience
from tests.faults.soak.soak import Outcome, Size, Soak
from tests.faults.soak.strikes import FAULTS
from tests.faults.soak.watch import ROLES
from tests.support.postgres_server import PostgresServer, find_binaries

EVERY_S = 10.0
OWN = ".soak"
"""The file that tells a soak's folder, which may be removed, from any other."""


def main() -> int:
    """Play one."""
    options = _options()
    folder = options.file.with_suffix("").absolute()
    binaries = find_binaries()
    if binaries is None:
        print("soak: PostgreSQL is not installed: apt-get install postgresql", file=sys.stderr)  # noqa: T201
        return 2
    size = _size(options)
    print(  # noqa: T201
        f"soak: {options.minutes:g} min at {options.rate:g} items/s, a burst of {size.burst} after "
        f"{size.burst_at_s:.0f} s, a fault every {size.fault_every_s:g} s; --seed {size.seed}; to {options.file}",
        file=sys.stderr,
        flush=True,
    )
    _make_anew(folder)
    options.file.write_text("")
    with PostgresServer(binaries) as postgres:
        outcome = Soak(size, folder, postgres, postgres.url("postgres"), options.file).play()
    for line in _told(outcome):
        print(line)  # noqa: T201
    with options.file.open("a") as file:
        file.write(json.dumps(_figures(outcome)) + "\n")
    return 1 if outcome.faults else 0


def _make_anew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / OWN).touch()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="how long items come (default: 60)")
    parser.add_argument("--rate", type=float, default=12.0, help="items a second (default: 12, a million a day)")
    parser.add_argument("--burst", type=int, default=100_000, help="items of the burst (default: 100000; 0 for none)")
    parser.add_argument("--burst-at", type=float, help="when it comes, in minutes (default: after a sixth)")
    parser.add_argument("--fault-every", type=float, default=120.0, help="seconds (default: 120)")
    parser.add_argument("--faults", default="all", help=f"of these, by commas: {', '.join(FAULTS)} (default: all)")
    parser.add_argument("--lease", type=float, default=30.0, help="workers.lease_s (default: 30)")
    parser.add_argument("--seed", type=int, help="plays the same faults again (default: drawn and printed)")
    parser.add_argument("--file", type=Path, default=Path("soak.jsonl"), help="default: soak.jsonl")
    options = parser.parse_args()
    options.faults = FAULTS if options.faults == "all" else tuple(map(str.strip, options.faults.split(",")))
    unknown = set(options.faults) - set(FAULTS)
    if unknown:
        parser.error(f"no such fault: {', '.join(sorted(unknown))}; there are: {', '.join(FAULTS)}")
    folder = options.file.with_suffix("")
    if folder.exists() and not (folder / OWN).exists():
        parser.error(f"{folder} is there already and is not of a soak: name another --file")
    return options


def _size(options: argparse.Namespace) -> Size:
    lasts_s = options.minutes * 60
    return Size(
        lasts_s=lasts_s,
        items=round(options.rate * EVERY_S),
        every_s=EVERY_S,
        fault_every_s=options.fault_every,
        burst=options.burst,
        burst_at_s=lasts_s / 6 if options.burst_at is None else options.burst_at * 60,
        seed=random.SystemRandom().randrange(10**6) if options.seed is None else options.seed,
        faults=options.faults,
        lease_s=options.lease,
        patience=Patience(min(120.0, lasts_s / 10), 36 if options.minutes >= 15 else 12),
    )


def _told(outcome: Outcome) -> list[str]:
    found = outcome.findings
    lines = [
        "",
        f"{outcome.items} items: lost {found.lost}, duplicate results {found.duplicate_results}",
        f"duplicate paid calls {found.duplicate_paid_calls}, unexplained {sum(outcome.repeats.unexplained.values())}",
        f"documents in the hands of killed workers: {outcome.repeats.at_risk}",
        f"calls that the provider cut and billed to nobody: {outcome.cut}",
        "",
        "| fault | times | recovered s, median and longest |",
        "|---|---|---|",
    ]
    for fault, took in sorted(outcome.recoveries_s.items()):
        lines.append(f"| {fault} | {len(took)} | {sorted(took)[len(took) // 2]}, {max(took)} |")
    lines += [
        "",
        "| role | processes | measure | second quarter | last quarter | slope/h | grown | allowed | most | cap |",
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|---|")
    lives = outcome.census.lives()
    trends = outcome.census.trends()
    for role in ROLES:
        for measure in ALLOWED:
            of_role = [trend for trend in trends if trend.role == role and trend.measure == measure]
            if of_role:
                worst = max(of_role, key=lambda trend: (not trend.is_flat, trend.grown - trend.allowed))
                lines.append(
                    f"| {role} | {lives[role]} | {measure} | {worst.second_quarter:g} | {worst.last_quarter:g} | "
                    f"{worst.slope_per_h:.1f} | {worst.grown:.1f} | {worst.allowed:.1f} | "
                    f"{outcome.census.most(role, measure):g} | {'' if worst.ceiling is None else worst.ceiling} |"
                )
    lines.append("")
    lines += [f"NOT PASSED: {sentence}" for sentence in outcome.faults] or ["passed"]
    return lines


def _figures(outcome: Outcome) -> dict[str, object]:
    return {
        "findings": dataclasses.asdict(outcome.findings),
        "items": outcome.items,
        "repeats": dataclasses.asdict(outcome.repeats),
        "cut": outcome.cut,
        "recoveries_s": outcome.recoveries_s,
        "drained_after_s": outcome.drained_after_s,
        "trends": [dataclasses.asdict(trend) | {"is_flat": trend.is_flat} for trend in outcome.census.trends()],
        "wrong": outcome.faults,
    }


if __name__ == "__main__":
    sys.exit(main())
