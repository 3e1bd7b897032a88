"""The doctor: looks at everything a job needs, and says what to do about what is missing."""

from __future__ import annotations

import asyncio
import platform
import socket
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urlsplit

from producer.deployment_file import deployment_for
from producer.drift import drift_remarks
from producer.embedded.redis_binary import find_redis_binary
from producer.ledger import reach_ledger
from producer.readiness import models_of
from producer.services import SERVER_VARIABLE, model_server_urls, with_running_broker
from producer.task_folder import load_task
from routing.deployment import DeploymentSpec
from routing.errors import CheapfirstError, InvalidFileError, ProviderError, ServiceUnreachableError
from routing.route_rules import RouteRules, compile_route_rules
from storage import clock, migrate
from workers.broker import Broker
from workers.gateway_setup import open_gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from routing.deployment import ModelSpec
    from routing.task import FrozenTask
    from workers.settings import Settings

T = TypeVar("T")

MOST_SKEW_MS = 2_000
PROBE_TIMEOUT_S = 10.0
SHOWN_VERSIONS = ("cheapfirst", "celery", "redis", "sqlmodel", "httpx", "flower")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `fix` says what to do, empty where nothing is to be done.

    `advice` is fine for now, `wrong` a file, a key or a setting to mend, `unreachable` a service to start.
    """

    subject: str
    level: Literal["ok", "advice", "wrong", "unreachable"]
    message: str
    fix: str = ""


def examine(settings: Settings, deployment: Path | None, task: Path | None) -> Iterator[Finding]:
    """Yield what is found, as it is found: versions, files, keys, broker, ledger, clocks, flags, models."""
    yield Finding("versions", "ok", _versions())
    frozen = None if task is None else (yield from _read("task", lambda: load_task(task)))
    spec = yield from _read("deployment", lambda: deployment_for(settings, deployment, task)[1])
    yield from _guarded("broker", _broker(with_running_broker(settings)))
    yield from _guarded("ledger", _ledger(settings, frozen))
    if spec is not None and frozen is not None:
        yield from _flags(spec, frozen)
    if spec is not None:
        yield from _guarded("models", _models(settings, spec, frozen))


def _versions() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in SHOWN_VERSIONS)
    return f"Python {platform.python_version()}, {packages}"


def _read(subject: str, read: Callable[[], T]) -> Generator[Finding, None, T | None]:
    try:
        found = read()
    except CheapfirstError as error:
        yield from _faults(subject, error)
        return None
    yield Finding(subject, "ok", "reads well")
    return found


def _guarded(subject: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except CheapfirstError as error:
        yield from _faults(subject, error)


def _faults(subject: str, error: CheapfirstError) -> Iterator[Finding]:
    if isinstance(error, InvalidFileError):
        for problem in error.problems:
            place = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
            yield Finding(subject, "wrong", f"{place}: {problem.message}", problem.suggestion or "Mend this line.")
        return
    unreachable = isinstance(error, ServiceUnreachableError | ProviderError)
    yield Finding(subject, "unreachable" if unreachable else "wrong", error.message, error.hint)


def _broker(settings: Settings) -> Iterator[Finding]:
    if settings.redis_url is None:
        yield Finding("broker", "ok", f"REDIS_URL is not set: `cheapfirst run` starts {find_redis_binary()}")
        return
    broker = Broker(settings.redis_url)
    try:
        broker.ping()
        yield Finding("broker", "ok", "answers")
        for advice in broker.advice():
            message, _, fix = advice.partition(": ")
            yield Finding("broker", "advice", message, fix)
    finally:
        broker.close()


def _ledger(settings: Settings, task: FrozenTask | None) -> Iterator[Finding]:
    if settings.ledger is None and not (settings.home / "ledger.db").exists():
        yield Finding("ledger", "ok", f"DATABASE_URL is not set: `cheapfirst run` makes one in {settings.home}")
        return
    with reach_ledger(settings) as database:
        before = _local_ms()
        skew_ms = clock.read_ms(database) - before
        migrate.require_current(database)
        yield Finding("ledger", "ok", f"{database.address} is at version {migrate.version(database)}")
        if abs(skew_ms) > MOST_SKEW_MS:
            yield Finding(
                "clock",
                "advice",
                f"The database's clock is {skew_ms / 1000:+.1f} s from this machine's.",
                "Let both follow the same time server (NTP); leases use the database's alone.",
            )
        else:
            yield Finding("clock", "ok", f"The database's clock is {skew_ms} ms from this machine's.")
        for remark in drift_remarks(database, None if task is None else [task.name]):
            message, _, fix = remark.partition(". ")
            yield Finding("drift", "advice", message, fix)


def _local_ms() -> int:
    return time.time_ns() // 1_000_000


def _flags(spec: DeploymentSpec, task: FrozenTask) -> Iterator[Finding]:
    rules = compile_route_rules(task.route.rules)
    if not isinstance(rules, RouteRules):  # a task that was read has none such
        return
    for name, rule in rules.flags().items():
        if name not in spec.flags:
            message = f"Rule `{rule}` reads it, the deployment does not set it: it is null there."
            yield Finding(f"flag {name}", "advice", message, "Add it under `flags`, or correct its name in the rule.")


def _models(settings: Settings, spec: DeploymentSpec, task: FrozenTask | None) -> Iterator[Finding]:
    wanted = list(spec.models) if task is None else models_of(task)
    for name in wanted:
        model = spec.models.get(name)
        if model is None:
            yield Finding(
                f"model {name}", "wrong", "The task names it, the deployment does not.", "Add it under `models`."
            )
        elif model.server:
            yield from _guarded(f"model {name}", _reach_server(settings, spec, model))
        else:
            yield from _guarded(f"model {name}", _reach_provider(settings, model))


def _reach_server(settings: Settings, spec: DeploymentSpec, model: ModelSpec) -> Iterator[Finding]:
    """Reach the server whose address the environment has, else start it: a recording answers what was recorded only."""
    url = settings.server_urls.get(model.server.lower())
    if url is not None:
        yield from _reach_address(model, url)
        return
    with model_server_urls(settings, {model.server: spec.servers[model.server]}):
        yield Finding(f"model {model.name}", "ok", f"its loopback server `{model.server}` comes up")


def _reach_address(model: ModelSpec, url: str) -> Iterator[Finding]:
    variable = f"{SERVER_VARIABLE}{model.server.upper()}"
    subject = f"model {model.name}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (KeyError, ValueError):
        host, port = None, 0
    if not host:
        yield Finding(subject, "wrong", f"{variable} is no address.", "Write http://HOST:PORT/v1.")
        return
    try:
        socket.create_connection((host, port), PROBE_TIMEOUT_S).close()
    except OSError:
        message = f"nothing answers at {host}:{port}, where {variable} has its server `{model.server}`."
        yield Finding(subject, "unreachable", message, f"Start that server, correct {variable}, or unset it.")
        return
    yield Finding(subject, "ok", f"its server `{model.server}` answers at {host}:{port} ({variable})")


def _reach_provider(settings: Settings, model: ModelSpec) -> Iterator[Finding]:
    # Alone and without fallbacks, so that what is found is this model's own.
    alone = model.model_copy(update={"fallback": (), "timeout_s": min(model.timeout_s, PROBE_TIMEOUT_S)})
    try:
        asyncio.run(_probe(settings, DeploymentSpec(models={model.name: alone})))
    except ProviderError as error:
        yield Finding(
            f"model {model.name}",
            "unreachable",
            error.message,
            "Look at its base_url, its model name, its key and the account behind it.",
        )
    else:
        yield Finding(f"model {model.name}", "ok", "answers")


async def _probe(settings: Settings, deployment: DeploymentSpec) -> None:
    gateway = open_gateway(settings, deployment, None)
    try:
        for name in deployment.models:
            await gateway.probe(name)
    finally:
        await gateway.aclose()
