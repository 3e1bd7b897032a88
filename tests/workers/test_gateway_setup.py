"""A process's gateway: addresses and keys from the environment, told at once where they are missing."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from evaluation.model_server.engine import EngineRequest
from routing.completion import Completion, Message, Prompt
from routing.deployment import DeploymentSpec
from routing.errors import UsageError
from tests.support.loopback import answering, loopback
from workers.gateway_setup import open_gateway
from workers.settings import read_settings

PROMPT = Prompt((Message("user", "9"),), {"type": "object"})


def _deployment(http_client: str = "pyreqwest", **model: object) -> DeploymentSpec:
    values = {"name": "small", "provider": "openai", "model": "m"} | model
    return DeploymentSpec.model_validate({"models": {"small": values}, "http_client": http_client})


def _complete(deployment: DeploymentSpec, redis_url: SecretStr | None = None) -> Completion:
    async def complete() -> Completion:
        gateway = open_gateway(read_settings(), deployment, redis_url)
        try:
            return await gateway.complete("small", PROMPT, max_output_tokens=5)
        finally:
            await gateway.aclose()

    return asyncio.run(complete())


@pytest.mark.parametrize("http_client", ["pyreqwest", "httpx"])
def test_a_server_is_found_by_its_variable(http_client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that a loopback server answers for is asked where that server runs, with either client."""
    with loopback({"m": answering("{}")}) as server:
        monkeypatch.setenv("CHEAPFIRST_SERVER_OFFLINE", server.base_url)
        completion = _complete(_deployment(http_client, server="offline"))
    assert (completion.text, completion.usage.estimated) == ("{}", True)


def test_a_server_that_does_not_run_is_told() -> None:
    """The error names the variable that would help."""
    with pytest.raises(UsageError, match="CHEAPFIRST_SERVER_OFFLINE"):
        open_gateway(read_settings(), _deployment(server="offline"), None)


@pytest.mark.parametrize("key", ["", "sk-\N{SNOWMAN}", "sk-a\nsk-b", "\n"])
def test_a_key_that_is_none_is_told_without_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable and quotes nothing of it."""
    monkeypatch.setenv("SMALL_KEY", key)
    with pytest.raises(UsageError, match="SMALL_KEY") as caught:
        open_gateway(read_settings(), _deployment(api_key_variable="SMALL_KEY"), None)
    assert "sk-" not in str(caught.value)


def test_a_key_read_from_a_file_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line break at its end is no part of it."""
    monkeypatch.setenv("SMALL_KEY", "sk-a\n")
    asked: list[EngineRequest] = []

    def engine(request: EngineRequest) -> str:
        asked.append(request)
        return "{}"

    with loopback({"m": engine}) as server:
        assert _complete(_deployment(api_key_variable="SMALL_KEY", base_url=server.base_url)).text == "{}"
    assert len(asked) == 1


def test_limits_are_kept_only_where_a_model_has_one() -> None:
    """A deployment without limits needs no Redis to call its models; nor does a single call outside of workers."""
    nobody = SecretStr("redis://127.0.0.1:1/0")
    with loopback({"m": answering("{}")}) as server:
        assert _complete(_deployment(base_url=server.base_url), nobody).text == "{}"
        assert _complete(_deployment(base_url=server.base_url, requests_per_minute=1)).text == "{}"


def test_a_limit_of_the_deployment_is_asked_of_redis() -> None:
    """With a limit and no Redis, nothing is called."""
    gateway = open_gateway(
        read_settings(), _deployment(requests_per_minute=1), SecretStr("redis://:swordfish@127.0.0.1:1/0")
    )
    assert "swordfish" not in repr(vars(gateway))
    asyncio.run(gateway.aclose())
