"""Where calls go, and with which key, is the deployment's alone: no task, document, row or answer has a say in it."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.transport import Transport
from producer.submit import Order, submit
from producer.task_folder import load_task
from routing.deployment_file import check_models
from routing.errors import InvalidFileError, UsageError
from routing.task import FrozenTask, JsonSchema, TierSpec
from storage import jobs
from storage.database import Database
from storage.states import JobState
from tests.support.asking import CLIENTS
from tests.support.documents import write_lines
from tests.support.engine_room import engine_room
from tests.support.ledgers import TIERS
from tests.support.loopback import loopback
from tests.support.raw_http import RawServer, answer, raw_server

ANSWER = json.dumps({"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}]}).encode()
KEY = "canary-key-of-the-job"
WHOLE_TASK: dict[str, Any] = {
    "task": "t",
    "schema": "schema.json",
    "prompt": {"system": "Extract.", "user": "{{ text }}"},
    "checks": {
        "grounded": ["total"],
        "confidence": {"min": 0.5, "from": "self_report"},
        "agreement": {"model": "other", "fields": ["total"]},
    },
    "tiers": [{"name": "cheap", "model": "small"}, {"name": "dear", "model": "large", "benefit": {"least": 0.1}}],
    "compare": {"total": "exact"},
    "input": {"text": "text"},
    "route": {
        "rules": [{"id": "long", "if": "pages > 30", "tier": "dear"}],
        "classifier": {"train_from": "outcomes", "judge": {"model": "small"}},
    },
    "rollout": {
        "canary": {
            "tier": "cheap",
            "model": "other",
            "share": 5,
            "rollback_if": {"pass_rate_drop": 0.1},
            "promote_if": {"pass_rate_drop": 0.1},
        }
    },
    "circuit": {"window": 100},
    "cache": {"mode": "read"},
    "target": {"margin": 0.03},
    "budget": {"usd": 1},
}


def sections(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every map in a task file."""
    if isinstance(value, dict):
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from sections(inner, (*path, key))


def at(value: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 - YAML
    """Return what stands at a path."""
    for step in path:
        value = value[step]
    return value


@pytest.fixture
def elsewhere() -> Iterator[RawServer]:
    """A server that would answer any call, and notes each."""
    with raw_server(answer(ANSWER, "Content-Type: application/json")) as server:
        yield server


def options(server: RawServer) -> dict[str, Any]:
    """Return all that might send a call there, under every name that libraries of providers know."""
    address = server.url.removesuffix("/chat/completions")
    names = ("base_url", "api_base", "url", "endpoint", "server", "proxy", "host", "http_proxy", "azure_endpoint")
    headers = {name: {"authorization": f"Bearer {KEY}"} for name in ("headers", "extra_headers", "default_headers")}
    keys = dict.fromkeys(("api_key", "key", "token", "authorization", "organization"), KEY)
    return {
        **dict.fromkeys(names, address),
        **headers,
        **keys,
        "provider": "anthropic",
        "extra_body": {"model": "evil"},
    }


def write_task(folder: Path, task: Mapping[str, Any]) -> Path:
    """Write a task folder."""
    folder.mkdir(exist_ok=True)
    (folder / "task.yaml").write_text(yaml.safe_dump(dict(task), sort_keys=False))
    (folder / "schema.json").write_text('{"type": "object", "properties": {"total": {"type": "number"}}}')
    return folder


def test_the_task_of_these_tests_is_one(tmp_path: Path) -> None:
    """It has every section there is, and no mistake."""
    load_task(write_task(tmp_path / "task", WHOLE_TASK))
    from routing.task_file_sections import TaskFile

    assert set(WHOLE_TASK) >= {field.alias or name for name, field in TaskFile.model_fields.items()} - {
        "max_output_tokens"
    }


@pytest.mark.parametrize("path", [path for path in sections(WHOLE_TASK) if path != ("compare",)], ids=str)
def test_no_section_of_a_task_file_takes_an_address_a_header_or_a_key(
    tmp_path: Path, elsewhere: RawServer, path: tuple[str | int, ...]
) -> None:
    """Each of them is an unknown key, told with its name; nobody is asked."""
    task = copy.deepcopy(WHOLE_TASK)
    at(task, path).update(options(elsewhere))
    with pytest.raises(InvalidFileError) as refused:
        load_task(write_task(tmp_path / "task", task))
    told = [problem.message for problem in refused.value.problems]
    assert not [name for name in options(elsewhere) if not any(f"`{name}`" in message for message in told)]
    assert KEY not in str(refused.value)
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "form", ["{address}", "small@{address}", "openai/{address}", "small?base_url={address}", "env:HOME"]
)
def test_no_name_of_a_model_is_an_address(tmp_path: Path, elsewhere: RawServer, form: str) -> None:
    """A model is one of the deployment's, by its name there, or the task cannot run."""
    name = form.format(address=elsewhere.url.removesuffix("/chat/completions"))
    task = copy.deepcopy(WHOLE_TASK)
    for path in [("tiers", 0), ("checks", "agreement"), ("route", "classifier", "judge"), ("rollout", "canary")]:
        at(task, path)["model"] = name
    loaded = load_task(write_task(tmp_path / "task", task))
    with loopback({}) as server:
        models = server.deployment(small="small", large="large", other="other").models
        with pytest.raises(UsageError, match="cannot run here"):
            check_models(loaded, models, "cheapfirst.yaml")
    assert elsewhere.requests == []


def rows_of(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return rows of every form that is read, with these options wherever there is room for them."""
    asked = {"model": "evil", "messages": [{"role": "user", "content": "u", **told}], **told}
    return [
        {"custom_id": "plain", "text": json.dumps(told), **told},
        {"custom_id": "metadata", "text": "t", "metadata": dict(told)},
        {
            "custom_id": "options",
            "text": "t",
            "options": dict(told),
            "model": "evil",
            "tier": "evil",
            "task": dict(told),
        },
        {"custom_id": "batch", "method": "POST", "url": told["url"], "body": asked, **told},
        {"custom_id": told["url"], "text": "{{ api_key }} {% include 'x' %}"},
        {"kind": "cheapfirst.recording", "custom_id": "recorded", "text": "t", "models": {"small": dict(told)}, **told},
    ]


def test_a_label_with_options_in_it_is_refused(sqlite_ledger: Database, elsewhere: RawServer, tmp_path: Path) -> None:
    """It is no field of the schema; nothing is taken in, and nobody is asked."""
    task = FrozenTask(
        name="t",
        output=JsonSchema(json_schema={"type": "object", "properties": {"total": {"type": "number"}}}),
        tiers=(TierSpec(name="cheap", model="cheap", system="", user="{{ text }}"),),
    )
    for name, value in options(elsewhere).items():
        row = {"custom_id": "label", "text": "t", "expected": {"total": 1, name: value}}
        with pytest.raises(InvalidFileError, match=f"no field `{name}`"):
            submit(sqlite_ledger, Order(task, [write_lines(tmp_path / "rows.jsonl", row)]), tmp_path)
    assert not jobs.listing(sqlite_ledger)
    assert elsewhere.requests == []


@pytest.mark.parametrize("answered", [{}, {"base_url": "EVIL", "api_key": KEY, "tier": "evil", "model": "evil"}])
def test_no_row_and_no_answer_changes_where_calls_go(
    sqlite_ledger: Database, elsewhere: RawServer, tmp_path: Path, answered: dict[str, Any]
) -> None:
    """Every call is made to the deployment's address, of its model; the other server is never asked."""
    told = options(elsewhere)
    rows = write_lines(tmp_path / "rows.jsonl", *rows_of(told))
    (tmp_path / "rows.csv").write_text(
        ",".join(["custom_id", "text", *(name for name in told)])
        + "\n"
        + ",".join(["table", "t", *('"' + json.dumps(value).replace('"', '""') + '"' for value in told.values())])
        + "\n"
    )
    prompts = {"system": "For {{ metadata }}.", "user": "{{ text }}"}
    task = FrozenTask(
        name="t",
        output=JsonSchema(json_schema={"type": "object", "properties": {"total": {"type": "number"}}}),
        tiers=tuple(TierSpec(name=tier, model=tier, repair=1, **prompts) for tier in TIERS),
    )
    job = submit(sqlite_ledger, Order(task, [rows, tmp_path / "rows.csv"]), tmp_path).job
    wrong = json.dumps({"total": "no", **answered}).replace("EVIL", told["base_url"])
    engines = {"cheap": lambda _: wrong, "expensive": lambda _: json.dumps({"total": 1, **answered})}
    with (
        loopback(engines) as server,
        engine_room(sqlite_ledger, server.deployment(cheap="cheap", expensive="expensive")) as room,
    ):
        for tier in TIERS:
            room.pipeline.run_chunk(tier, job.id, range(1, job.items_total + 1))
        asked = dict(server.server.ledger.answered)
    ended = jobs.find(sqlite_ledger, job.name)
    assert (ended.state, ended.items_done) == (JobState.DONE, job.items_total)
    assert job.items_total >= 6
    assert asked == {"cheap": 2 * job.items_total, "expensive": job.items_total}
    assert elsewhere.requests == []


@pytest.mark.parametrize("make", CLIENTS.values(), ids=CLIENTS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_carries_a_key_anywhere(make: type[Transport], elsewhere: RawServer, status: int) -> None:
    """The provider is asked once, and whom it names never, whatever the kind of redirect."""
    moved = answer(b"", f"Location: {elsewhere.url}", f"Refresh: 0; url={elsewhere.url}", status=f"{status} Moved")

    async def post(url: str) -> int:
        transport = make()
        try:
            return (await transport.post(url, {"authorization": f"Bearer {KEY}", "x-api-key": KEY}, b"{}", 5.0)).status
        finally:
            await transport.aclose()

    with raw_server(moved) as server:
        assert asyncio.run(post(server.url)) == status
        assert len(server.requests) == 1
    assert elsewhere.requests == []
