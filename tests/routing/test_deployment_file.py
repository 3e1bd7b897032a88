"""Deployment files: models, queues and servers, with every mistake at once and no key in sight."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.deployment import SELF_TUNING_START
from routing.deployment_file import check_models, parse_deployment_file
from routing.errors import InvalidFileError, UsageError
from routing.task import AgreementSpec, ChecksSpec, ClassifierSpec, JudgeSpec, OnExceed, RouteSpec
from tests.support.ledgers import TASK

FILE = """\
models:
  small: {provider: openai, model: gpt-5-mini, api_key: env:OPENAI_API_KEY, rpm: 5, tpm: 7, fallback: [local]}
  large: {provider: anthropic, model: claude-sonnet-5, temperature: null, structured: tool, timeout_s: 5}
  local: {provider: openai, base_url: "http://localhost:1/v1", model: m, price: {input: 0, output: 1, note: mine}}
  offline: {provider: openai, model: o, server: engines}
servers:
  engines: {engines: engines.py}
queues:
  cheap: {concurrency: 200, chunk: 4}
workers: {lease_s: 9, max_memory_mb: null}
"""


def _mistakes(text: str) -> list[str]:
    with pytest.raises(InvalidFileError) as caught:
        parse_deployment_file(text, "cheapfirst.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_what_a_cache_costs_is_read() -> None:
    """Reading from it and writing to it have prices of their own, or none."""
    file = "models: {m: {provider: anthropic, model: m, price: {input: 1, output: 5, cache_write: 1.25}}}"
    price = parse_deployment_file(file, "cheapfirst.yaml").models["m"].price
    assert price is not None
    assert (price.cached_input, price.cache_write) == (None, Decimal("1.25"))


def test_everything_is_read() -> None:
    """Keys are named, limits and prices are kept, queues that are not listed have defaults."""
    spec = parse_deployment_file(FILE, "cheapfirst.yaml")
    small = spec.models["small"]
    assert (small.name, small.api_key_variable, small.requests_per_minute) == ("small", "OPENAI_API_KEY", 5)
    assert (small.tokens_per_minute, small.fallback) == (7, ("local",))
    assert (spec.models["large"].temperature, spec.models["large"].structured) == (None, "tool")
    price = spec.models["local"].price
    assert price is not None
    assert (price.input, price.output, price.note) == (Decimal(0), Decimal(1), "mine")
    assert (spec.queue("cheap").concurrency, spec.queue("other").chunk) == (200, 16)
    assert (spec.workers.lease_s, spec.workers.max_memory_mb, spec.servers["engines"].engines) == (
        9,
        None,
        "engines.py",
    )


def test_a_queue_may_tune_itself() -> None:
    """`auto` begins with few calls in flight; a number is kept as it is."""
    spec = parse_deployment_file(FILE.replace("concurrency: 200", "concurrency: auto"), "cheapfirst.yaml")
    assert (spec.queue("cheap").self_tuning, spec.queue("cheap").concurrency) == (True, SELF_TUNING_START)
    assert not spec.queue("expensive").self_tuning


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("env:OPENAI_API_KEY", "sk-abc", "2:57: a key never stands in a file (write env:NAME_OF_A_VARIABLE)"),
        (
            "provider: openai, model: gpt",
            "provider: opnai, model: gpt",
            "2:21: input should be 'openai' or 'anthropic'",
        ),
        ("timeout_s", "timeout", "did you mean `timeout_s`?"),
        ("http://localhost:1/v1", "http://me:pw@host", "this is no http(s) address"),
        ("http://localhost:1/v1", "ftp://host", "4:40: this is no http(s) address"),
        ("http://localhost:1/v1", "http://[", "this is no http(s) address"),
        ("server: engines", "server: enginse", "there is no server `enginse` (did you mean `engines`?)"),
        ("server: engines", "server: engines, base_url: 'http://h'", "either a `base_url` or a `server`"),
        ("fallback: [local]", "fallback: [locl]", "there is no model `locl` (did you mean `local`?)"),
        ("fallback: [local]", "fallback: [small]", "a model cannot stand in for itself"),
        ("{engines: engines.py}", "{}", "7:12: a server has either"),
        ("{engines: engines.py}", "{engines: a, recordings: b}", "either `engines` or `recordings`"),
        ("  local:", "  'no name!':", "4:"),
        ("concurrency: 200", "concurrency: 0", "9:24: input should be greater than or equal to 1"),
        ("concurrency: 200", "concurrency: automatic", "9:24: "),
        ("lease_s: 9", "lease_s: soon", "10:20: input should be a valid number"),
    ],
)
def test_a_mistake_is_told_with_its_place(old: str, new: str, mistake: str) -> None:
    """File, line and column, what is wrong, and what was probably meant."""
    assert old in FILE
    told = _mistakes(FILE.replace(old, new, 1))
    assert any(mistake in problem for problem in told), told


def test_no_mistake_repeats_a_key() -> None:
    """A secret in the wrong place is not printed."""
    for place in ("api_key: sk-secret", "rpm: sk-secret", "sk-secret: 1", "model: [sk-secret]"):
        told = _mistakes(
            FILE.replace("rpm: 5", place, 1)
            if "api_key" not in place
            else FILE.replace("api_key: env:OPENAI_API_KEY", place, 1)
        )
        assert told
        assert "secret" not in " ".join(told) or place.startswith("sk-secret")


def test_models_a_task_asks_for_must_be_there() -> None:
    """A task that cannot run here is told before anything is submitted."""
    models = parse_deployment_file(FILE, "f").models
    check_models(TASK, models, "f")
    checks = ChecksSpec(agreement=AgreementSpec(model="locall", fields=("total",), tiers=()))
    with pytest.raises(UsageError, match=r"agreement check asks for model `locall`.*`local`"):
        check_models(TASK.model_copy(update={"checks": checks}), models, "f")
    judged = RouteSpec(classifier=ClassifierSpec(judge=JudgeSpec(model="tiny", system="", user="")))
    with pytest.raises(UsageError, match="the judge asks for model `tiny`"):
        check_models(TASK.model_copy(update={"route": judged}), models, "f")


def test_a_days_budget_is_read() -> None:
    """In dollars, with what follows; a budget without an amount is a mistake."""
    budget = parse_deployment_file(f"{FILE}budget: {{usd_per_day: 12.5, on_exceed: cheap_only}}\n", "f").budget
    assert budget is not None
    assert (budget.usd_per_day, budget.on_exceed) == (Decimal("12.5"), OnExceed.CHEAP_ONLY)
    assert parse_deployment_file(FILE, "f").budget is None
    assert "`usd_per_day` is missing" in _mistakes(f"{FILE}budget: {{on_exceed: fail}}\n")[0]


@given(st.text(max_size=200))
def test_no_text_raises_anything_else(text: str) -> None:
    """Whatever stands in the file is a deployment or a list of mistakes."""
    with suppress(InvalidFileError):
        parse_deployment_file(text, "cheapfirst.yaml")
