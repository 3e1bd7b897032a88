from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flower.views import BaseHandler

from producer import flower_app

if TYPE_CHECKING:
    from pathlib import Path

DEPLOYMENT = "models: {small: {provider: openai, model: gpt-5-nano}}\nqueues: {middle: {concurrency: 5}}\n"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set up a broker and a deployment, and forget at the end what was made of them."""
    file = tmp_path / "cheapfirst.yaml"
    file.write_text(DEPLOYMENT)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("CHEAPFIRST_DEPLOYMENT", str(file))
    monkeypatch.setattr(BaseHandler, "get_active_queue_names", BaseHandler.get_active_queue_names)
    monkeypatch.setitem(vars(flower_app), "app", None)
    monkeypatch.delitem(vars(flower_app), "app")


def test_queues_of_the_deployment_are_listed_beside_the_found_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flower lists the queues it found at workers, the default tiers and those of the deployment file, each once."""
    monkeypatch.setattr(BaseHandler, "get_active_queue_names", lambda _: ["cheap", "another"])
    assert flower_app.app.deployment.queues
    assert BaseHandler.get_active_queue_names(None) == ["another", "cheap", "expensive", "middle"]


def test_app_is_made_once() -> None:
    """Asking again gives the same application, so that the queues are added once."""
    assert flower_app.app is flower_app.app


def test_missing_broker_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery shows no traceback of ours where the environment is not complete."""
    monkeypatch.delenv("REDIS_URL")
    with pytest.raises(SystemExit, match=r"cheapfirst: REDIS_URL is not set\."):
        _ = flower_app.app


def test_module_has_nothing_else_to_give() -> None:
    """Only `app` is made on demand."""
    with pytest.raises(AttributeError, match="application"):
        _ = flower_app.application
