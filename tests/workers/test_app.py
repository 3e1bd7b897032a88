"""The Celery application: what it needs to start, and what it takes from the broker."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from routing.errors import ServiceUnreachableError, UsageError
from workers.app import WorkerApp, WorkerFaultError, create_app
from workers.broker import Broker
from workers.pool import threads_for
from workers.settings import Settings

DEPLOYMENT = "models:\n  m: {provider: openai, model: gpt-5-mini}\nqueues:\n  slow: {concurrency: 3, chunk: 2}\n"


@pytest.fixture
def app(tmp_path: Path) -> WorkerApp:
    """An application of a small deployment; its broker is never reached."""
    file = tmp_path / "cheapfirst.yaml"
    file.write_text(DEPLOYMENT)
    return create_app(Settings.model_validate({"REDIS_URL": "redis://127.0.0.1:1/0", "CHEAPFIRST_DEPLOYMENT": file}))


def test_each_queue_has_a_task_of_its_name(app: WorkerApp) -> None:
    """Flower groups by tier; only JSON is taken, and results are not kept in the broker."""
    assert {"cheap", "expensive", "slow"} <= set(app.tasks)
    assert app.conf.accept_content == ["json"]
    assert (app.conf.task_serializer, app.conf.result_backend, app.conf.task_ignore_result) == ("json", None, True)
    assert (app.publisher.chunk("slow"), app.publisher.chunk("cheap")) == (2, 16)


@pytest.mark.parametrize(
    "message",
    [
        {"v": "a document", "job": 1, "items": [1]},
        {"v": 1, "job": 1, "items": ["a document"]},
        {"v": 1, "job": 1, "items": [1], "text": "a document"},
        {},
    ],
)
def test_a_hostile_message_is_put_aside_without_being_quoted(app: WorkerApp, message: dict[str, object]) -> None:
    """Nothing is called for it, and nothing of it reaches an error that Flower shows."""
    with pytest.raises(UsageError, match="put aside") as caught:
        app.tasks["cheap"](**message)
    assert "document" not in str(caught.value)


def test_a_worker_with_another_pool_says_so(app: WorkerApp) -> None:
    """Without its own pool there is no engine to give a chunk to."""
    with pytest.raises(UsageError, match="without -P"):
        app.tasks["cheap"](v=1, job=1, items=[1])


def test_a_fault_of_ours_is_told_by_its_kind_and_place_only(app: WorkerApp) -> None:
    """An error's message may quote a document, and Celery sends it on: to the log, to Redis, to Flower."""
    secret = "a secret document"

    def run_chunk(*_: object) -> int:
        raise ValueError(secret)

    app.engine = SimpleNamespace(pipeline=SimpleNamespace(run_chunk=run_chunk))  # type: ignore[assignment]
    with pytest.raises(WorkerFaultError) as caught:
        app.tasks["cheap"](v=1, job=1, items=[1])
    told = "".join(traceback.format_exception(caught.value))
    assert secret not in told
    assert "ValueError" in told
    assert "in run_chunk" in told


def test_what_cannot_be_published_is_told(app: WorkerApp) -> None:
    """The ledger keeps it for the sweeper; whoever asked learns that the broker is away."""
    with pytest.raises(ServiceUnreachableError, match="broker"):
        app.publisher.publish("cheap", [(1, 1)])


@pytest.mark.parametrize(
    ("environment", "told"), [({}, "REDIS_URL"), ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "no deployment file")]
)
@pytest.mark.parametrize(
    "command", [("celery", "-A", "workers.app", "worker"), ("workers.process", "--queues", "cheap", "--name", "a@here")]
)
def test_a_worker_process_says_what_is_missing(
    tmp_path: Path, command: tuple[str, ...], environment: dict[str, str], told: str
) -> None:
    """One line, and no traceback, however it was started."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CHEAPFIRST", "REDIS"))}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tmp_path,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_threads_follow_from_concurrency_and_chunk() -> None:
    """Twice the chunks that fill the gate, and a few at least."""
    assert (threads_for(200, 16), threads_for(1, 16), threads_for(50, 1)) == (27, 4, 101)


def test_a_broker_that_is_not_there_is_told() -> None:
    """Every look at it says how to mend it."""
    broker = Broker(SecretStr("redis://:secret@127.0.0.1:1/0"))
    for look in (broker.ping, broker.advice, lambda: broker.queue_length("cheap")):
        with pytest.raises(ServiceUnreachableError, match="REDIS_URL") as caught:
            look()
        assert "secret" not in str(caught.value)
    broker.close()


def test_messages_hold_ids_only() -> None:
    """What goes over the wire is a version, a job and positions."""
    from workers.messages import chunks

    (message,) = chunks([(3, 1), (3, 2)], 16)
    assert json.loads(message.model_dump_json()) == {"v": 1, "job": 3, "items": [1, 2]}


@pytest.mark.parametrize(("level", "is_told"), [("INFO", False), (None, False), ("debug", True)])
def test_a_worker_writes_no_line_for_each_chunk(app: WorkerApp, level: str | None, *, is_told: bool) -> None:
    """But for whoever asks for everything; what fails is told in any case."""
    loggers = [logging.getLogger(name) for name in ("celery.worker.strategy", "celery.app.trace")]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.DEBUG)
        app._prepare_worker("worker@here", app.conf, {"queues": "cheap", "loglevel": level})
        assert [logger.isEnabledFor(logging.INFO) for logger in loggers] == [is_told, is_told]
        assert all(logger.isEnabledFor(logging.ERROR) for logger in loggers)
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.setLevel(was)


def test_a_worker_loads_no_prices_and_patterns_until_they_are_asked_for() -> None:
    """They are 4.5 MB of every process."""
    code = "import sys, workers.engine; print({'genai_prices', 're2', 'httpx2'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert told == "set()\n"
