"""The deployment: models, queues and limits of one installation, as plain values.

Keys are named here, never held: `api_key` is the name of an environment variable.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from routing.task import OnExceed


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PriceSpec(_Frozen):
    """Dollars per million tokens; reading from the provider's cache and writing to it cost as `input` unless given.

    `note` says where the figures are from, where they are not the provider's own.
    """

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cached_input: Decimal | None = Field(default=None, ge=0)
    cache_write: Decimal | None = Field(default=None, ge=0)
    note: str = ""


class ModelSpec(_Frozen):
    """One model of a provider, under the name tasks use for it.

    `api_key_variable` names the environment variable that holds the key, empty where none is needed.
    `server` names the loopback server of `DeploymentSpec.servers` that answers for it, instead of `base_url`.
    `structured` is how the answer's shape is asked for; `auto` starts with the strongest and steps down when refused.
    `fallback` names the models to ask, in order, while this one is in trouble.
    """

    name: str
    provider: Literal["openai", "anthropic"]
    model: str
    base_url: str = ""
    server: str = ""
    api_key_variable: str = ""
    price: PriceSpec | None = None
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    structured: Literal["auto", "json_schema", "tool", "json"] = "auto"
    temperature: float | None = Field(default=0.0, ge=0, le=2)
    timeout_s: float = Field(default=60.0, gt=0)
    fallback: tuple[str, ...] = ()


class QueueSpec(_Frozen):
    """How many calls one worker process of this queue keeps in flight, and how many item ids a message holds.

    `self_tuning` lets each process find out by itself what its provider takes; `concurrency` is where it begins.
    """

    concurrency: int = Field(default=50, ge=1, le=10_000)
    self_tuning: bool = False
    chunk: int = Field(default=16, ge=1, le=1_000)


SELF_TUNING_START = 10
"""The calls in flight that a process of a queue with `concurrency: auto` begins with."""


class ServerSpec(_Frozen):
    """A loopback model server that `run` starts beside the workers.

    `engines` is a Python file that defines offline engines, `recordings` a JSONL file of recorded models; one of them.
    """

    name: str
    engines: str = ""
    recordings: str = ""


class AnswerSource(StrEnum):
    """What gives a model's answers. Stored: never rename one."""

    PROVIDER = "provider"
    ENGINE = "engine"  # an offline engine: rules, no language model
    RECORDING = "recording"  # what a model answered once, given again: nothing is asked, and nothing new is learned


class DayBudgetSpec(_Frozen):
    """The most all jobs together may cost in a day (UTC), in dollars, and what follows where it is used up."""

    usd_per_day: Decimal = Field(gt=0)
    on_exceed: OnExceed = OnExceed.PAUSE


class WorkerSpec(_Frozen):
    """How long a claimed item stays with a worker that says nothing more, and what a worker process may hold in memory.

    A process above `max_memory_mb` (megabytes) is killed and replaced by its supervisor; None sets no limit.
    """

    lease_s: float = Field(default=30.0, ge=1)
    max_memory_mb: int | None = Field(default=2048, ge=256)


Flag: TypeAlias = bool | int | float | str


class DeploymentSpec(_Frozen):
    """One installation. Queues not listed take the defaults of `QueueSpec`. `flags` are feature flags for rules.

    `http_client` is the library calls are made with: `pyreqwest` is fast, `httpx` an independent way around it.
    """

    models: dict[str, ModelSpec]
    queues: dict[str, QueueSpec] = Field(default_factory=dict)
    servers: dict[str, ServerSpec] = Field(default_factory=dict)
    workers: WorkerSpec = WorkerSpec()
    flags: dict[str, Flag] = Field(default_factory=dict)
    budget: DayBudgetSpec | None = None
    http_client: Literal["pyreqwest", "httpx"] = "pyreqwest"

    def answer_source(self, model: str) -> AnswerSource:
        """Return what gives the answers of a model; one that is not deployed is taken for a provider's."""
        spec = self.models.get(model)
        server = None if spec is None else self.servers.get(spec.server)
        if server is None:
            return AnswerSource.PROVIDER
        return AnswerSource.ENGINE if server.engines else AnswerSource.RECORDING

    def queue(self, name: str) -> QueueSpec:
        """Return the settings of a queue."""
        return self.queues.get(name, QueueSpec())
