"""A deployment file as users write it: `cheapfirst.yaml`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from routing.deployment import (
    SELF_TUNING_START,
    DayBudgetSpec,
    DeploymentSpec,
    Flag,
    ModelSpec,
    PriceSpec,
    QueueSpec,
    ServerSpec,
    WorkerSpec,
)
from routing.errors import InvalidFileError, Problem, UsageError
from routing.file_errors import in_order, nearest, validate
from routing.yaml_source import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from routing.task import FrozenTask
    from routing.yaml_source import YamlSource

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")]
_VARIABLE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")


class _Section(BaseModel):
    # Hidden, because what stands in the wrong place may be a key.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class PriceSection(_Section):
    """Dollars per million tokens."""

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cached_input: Decimal | None = Field(default=None, ge=0)
    cache_write: Decimal | None = Field(default=None, ge=0)
    note: str = ""


class ModelSection(_Section):
    """A model of a provider."""

    provider: Literal["openai", "anthropic"]
    model: str = Field(min_length=1)
    base_url: str = ""
    server: str = ""
    api_key: str = ""
    rpm: int | None = Field(default=None, ge=1)
    tpm: int | None = Field(default=None, ge=1)
    price: PriceSection | None = None
    structured: Literal["auto", "json_schema", "tool", "json"] = "auto"
    temperature: float | None = Field(default=0.0, ge=0, le=2)
    timeout_s: float = Field(default=60.0, gt=0, le=3600)
    fallback: list[str] = []


class QueueSection(_Section):
    """How many calls a worker process of a queue keeps in flight, and how many item ids a message holds."""

    concurrency: Annotated[int, Field(ge=1, le=10_000)] | Literal["auto"] = 50
    chunk: int = Field(default=16, ge=1, le=1_000)


class ServerSection(_Section):
    """A loopback model server: offline engines or recorded models."""

    engines: str = ""
    recordings: str = ""


class WorkersSection(_Section):
    """How long a claimed item stays with a worker that says nothing more."""

    lease_s: float = Field(default=30.0, ge=1, le=86_400)
    max_memory_mb: int | None = Field(default=2048, ge=256)


class BudgetSection(_Section):
    """The most all jobs together may cost in a day."""

    usd_per_day: Decimal = Field(gt=0)
    on_exceed: Literal["pause", "cheap_only", "fail"] = "pause"


class DeploymentFile(_Section):
    """A deployment file's keys."""

    models: dict[Name, ModelSection] = Field(min_length=1)
    queues: dict[Name, QueueSection] = {}
    servers: dict[Name, ServerSection] = {}
    workers: WorkersSection = WorkersSection()
    flags: dict[Name, Flag] = {}
    budget: BudgetSection | None = None
    http_client: Literal["pyreqwest", "httpx"] = "pyreqwest"


def parse_deployment_file(text: str, file: str) -> DeploymentSpec:
    """Parse a deployment file. Paths of servers stay as written. Raises InvalidFileError with every mistake."""
    source = parse_yaml(text, file)
    parsed, problems = validate(DeploymentFile, source)
    if parsed is not None:
        problems += _key_problems(parsed, source)
        problems += _address_problems(parsed, source)
        problems += _name_problems(parsed, source)
    if problems or parsed is None:
        raise InvalidFileError(in_order(problems))
    return DeploymentSpec(
        models={name: _model(name, section) for name, section in parsed.models.items()},
        queues={name: _queue(section) for name, section in parsed.queues.items()},
        servers={name: ServerSpec(name=name, **section.model_dump()) for name, section in parsed.servers.items()},
        workers=WorkerSpec(**parsed.workers.model_dump()),
        flags=parsed.flags,
        budget=parsed.budget and DayBudgetSpec(**parsed.budget.model_dump()),
        http_client=parsed.http_client,
    )


def check_models(task: FrozenTask, models: Mapping[str, ModelSpec], file: str) -> None:
    """Raise UsageError naming each model a task asks for that the deployment in `file` does not have."""
    asked = {tier.model: f"tier `{tier.name}`" for tier in task.tiers}
    if task.checks.agreement is not None:
        asked.setdefault(task.checks.agreement.model, "the agreement check")
    classifier = task.route.classifier
    if classifier is not None and classifier.judge is not None:
        asked.setdefault(classifier.judge.model, "the judge")
    if task.rollout.canary is not None:
        asked.setdefault(task.rollout.canary.model, "the canary")
    missing = [
        f"{who} asks for model `{model}`{f' ({hint})' if (hint := nearest(model, models)) else ''}"
        for model, who in asked.items()
        if model not in models
    ]
    if missing:
        raise UsageError(
            f"Task `{task.name}` cannot run here: {'; '.join(missing)}.", f"{file} has: {', '.join(sorted(models))}."
        )


def _model(name: str, section: ModelSection) -> ModelSpec:
    variable = _VARIABLE.fullmatch(section.api_key)
    return ModelSpec(
        name=name,
        provider=section.provider,
        model=section.model,
        base_url=section.base_url,
        server=section.server,
        api_key_variable=variable[1] if variable else "",
        price=section.price and PriceSpec(**section.price.model_dump()),
        requests_per_minute=section.rpm,
        tokens_per_minute=section.tpm,
        structured=section.structured,
        temperature=section.temperature,
        timeout_s=section.timeout_s,
        fallback=tuple(section.fallback),
    )


def _queue(section: QueueSection) -> QueueSpec:
    if section.concurrency == "auto":
        return QueueSpec(concurrency=SELF_TUNING_START, self_tuning=True, chunk=section.chunk)
    return QueueSpec(concurrency=section.concurrency, chunk=section.chunk)


def _key_problems(parsed: DeploymentFile, source: YamlSource) -> Iterator[Problem]:
    for name, model in parsed.models.items():
        if model.api_key and not _VARIABLE.fullmatch(model.api_key):
            yield source.problem(
                ("models", name, "api_key"), "a key never stands in a file", "write env:NAME_OF_A_VARIABLE"
            )


def _address_problems(parsed: DeploymentFile, source: YamlSource) -> Iterator[Problem]:
    for name, model in parsed.models.items():
        place = ("models", name, "base_url")
        if model.base_url and model.server:
            yield source.problem(place, "a model has either a `base_url` or a `server`")
        if model.base_url and not _is_address(model.base_url):
            yield source.problem(place, "this is no http(s) address without a password", "write https://HOST/v1")
    for name, server in parsed.servers.items():
        if bool(server.engines) == bool(server.recordings):
            yield source.problem(("servers", name), "a server has either `engines` or `recordings`")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def _name_problems(parsed: DeploymentFile, source: YamlSource) -> Iterator[Problem]:
    for name, model in parsed.models.items():
        if model.server and model.server not in parsed.servers:
            yield source.problem(
                ("models", name, "server"),
                f"there is no server `{model.server}`",
                nearest(model.server, parsed.servers) or "servers stand under `servers`",
            )
        for index, other in enumerate(model.fallback):
            place = ("models", name, "fallback", index)
            if other not in parsed.models:
                yield source.problem(place, f"there is no model `{other}`", nearest(other, parsed.models))
            elif other == name:
                yield source.problem(place, "a model cannot stand in for itself")
