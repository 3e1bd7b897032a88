"""Anthropic's wire format: what is kept in its cache, and what of it is counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from gateway.gateway import Gateway
from gateway.providers.anthropic import MIN_CACHED_CHARACTERS, AnthropicProvider
from gateway.providers.provider import Call, Manner, Shape
from gateway.providers.token_counts import token_usage
from gateway.pyreqwest_transport import PyreqwestTransport
from routing.completion import Message, Prompt, TokenUsage
from routing.deployment import ModelSpec
from workers.loop_thread import LoopThread

PROVIDER = AnthropicProvider()
LONG = "Extract the total. " * (MIN_CACHED_CHARACTERS // 19 + 1)
USER = Message("user", "TOTAL 9.00")
MARK = {"type": "ephemeral"}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"total": {"type": "number"}}}
counts = st.integers(0, 10**9)


def _body(system: Message | None, shape: Shape = Shape.TOOL, *more: Message) -> dict[str, Any]:
    messages = (USER, *more) if system is None else (system, USER, *more)
    call = Call("m", Prompt(messages, SCHEMA), 50, 0.0, logprobs=False)
    body: dict[str, Any] = json.loads(PROVIDER.body(call, Manner(shape)))
    return body


def _usage(**counted: object) -> TokenUsage | None:
    answer = {"content": [{"type": "text", "text": "{}"}], "usage": counted}
    return PROVIDER.read(json.dumps(answer).encode()).usage


class Caching:
    """A provider that keeps every marked prefix it has read, and counts as Anthropic does."""

    def __init__(self) -> None:
        self.base_url = ""
        self._kept: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer, and tell whether the prefix was written or read."""
        asked = await request.json()
        usage = {"input_tokens": 10, "output_tokens": 5}
        if isinstance(asked["system"], list):
            prefix = json.dumps([asked["tools"], asked["system"]])
            usage["cache_read_input_tokens" if prefix in self._kept else "cache_creation_input_tokens"] = 2000
            self._kept.add(prefix)
        block = {"type": "tool_use", "id": "t", "name": "answer", "input": {"total": 9}}
        return web.json_response({"content": [block], "stop_reason": "tool_use", "usage": usage})


@contextmanager
def _caching() -> Iterator[Caching]:
    loop, provider = LoopThread(), Caching()
    application = web.Application()
    application.router.add_post("/v1/messages", provider.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)

    async def start() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port: int = runner.addresses[0][1]
        return port

    provider.base_url = f"http://127.0.0.1:{loop.wait_for(start())}/v1"
    try:
        yield provider
    finally:
        loop.wait_for(runner.cleanup())
        loop.close()


def test_the_second_document_reads_what_the_first_one_wrote() -> None:
    """Over real HTTP: the same instructions are written to the cache once, whatever the documents are."""

    async def ask(base_url: str, system: Message) -> list[TokenUsage]:
        spec = ModelSpec(name="m", provider="anthropic", model="m", base_url=base_url)
        gateway = Gateway({"m": spec}, {}, PyreqwestTransport())
        prompts = [Prompt((system, Message("user", document)), SCHEMA) for document in ("one", "two")]
        try:
            return [(await gateway.complete("m", prompt, max_output_tokens=50)).usage for prompt in prompts]
        finally:
            await gateway.aclose()

    with _caching() as provider:
        kept = asyncio.run(ask(provider.base_url, Message("system", LONG, stable=True)))
        plain = asyncio.run(ask(provider.base_url, Message("system", "Extract.", stable=True)))
    assert kept == [TokenUsage(2010, 5, cache_written=2000), TokenUsage(2010, 5, cached_input=2000)]
    assert plain == [TokenUsage(10, 5), TokenUsage(10, 5)]


def test_long_instructions_that_stay_the_same_are_marked() -> None:
    """The mark stands on the system text, after the tools; the document behind it bears none."""
    body = _body(Message("system", LONG, stable=True))
    assert body["system"] == [{"type": "text", "text": LONG, "cache_control": MARK}]
    assert body["messages"] == [{"role": "user", "content": "TOTAL 9.00"}]


@pytest.mark.parametrize(
    "system",
    [
        Message("system", LONG),
        Message("system", LONG[: MIN_CACHED_CHARACTERS - 1], stable=True),
    ],
)
def test_what_is_short_or_differs_with_the_document_is_not_marked(system: Message) -> None:
    """Writing it would cost more than reading it once, and nobody would read it again."""
    assert _body(system)["system"] == system.content


def test_instructions_of_just_the_least_length_are_marked() -> None:
    """The bound itself is long enough."""
    assert isinstance(_body(Message("system", LONG[:MIN_CACHED_CHARACTERS], stable=True))["system"], list)


def test_one_changing_part_leaves_the_whole_unmarked() -> None:
    """Several system messages are sent as one text, which is as stable as the least stable of them."""
    first, second = Message("system", LONG, stable=True), Message("system", "For shop A.")
    assert _body(first, Shape.TOOL, second)["system"] == f"{LONG}\n\nFor shop A."


def test_a_schema_told_in_words_is_kept_with_the_instructions() -> None:
    """Where the form is asked for in the prompt, the text stays as stable as it was."""
    marked = _body(Message("system", LONG, stable=True), Shape.TEXT)["system"]
    assert [block["cache_control"] for block in marked] == [MARK]
    assert "JSON Schema" in marked[0]["text"]
    assert isinstance(_body(Message("system", LONG), Shape.TEXT)["system"], str)


def test_a_long_schema_alone_is_kept() -> None:
    """It is the same for every document, so it is marked even where nothing else is told before them."""
    prompt = Prompt((USER,), {"type": "object", "description": LONG})
    body = json.loads(PROVIDER.body(Call("m", prompt, 50, 0.0, logprobs=False), Manner(Shape.TEXT)))
    assert [block["cache_control"] for block in body["system"]] == [MARK]


def test_without_instructions_there_is_no_system_text() -> None:
    """Anthropic refuses an empty one."""
    assert "system" not in _body(None)


def test_no_token_is_both_read_and_written() -> None:
    """Counts that contradict each other are cut to the whole."""
    assert token_usage(7, 1, 5, 5) == TokenUsage(7, 1, 5, 2)
    assert token_usage(7, 1, 9, 1) == TokenUsage(7, 1, 7, 0)


@given(counts, counts, counts)
def test_the_parts_of_the_input_add_up(fresh: int, read: int, written: int) -> None:
    """Anthropic counts them apart; here they are parts of one whole."""
    usage = _usage(
        input_tokens=fresh, output_tokens=1, cache_read_input_tokens=read, cache_creation_input_tokens=written
    )
    if fresh + read + written > 10**9:
        assert usage is None
    else:
        assert usage == TokenUsage(fresh + read + written, 1, read, written)


@given(st.one_of(st.none(), st.booleans(), st.text(), st.integers(), st.lists(st.integers())), st.integers())
def test_odd_counts_never_make_more_parts_than_there_is_whole(written: object, read: int) -> None:
    """What a provider sends is not trusted: a bill from it is right or is estimated."""
    usage = _usage(input_tokens=7, output_tokens=1, cache_read_input_tokens=read, cache_creation_input_tokens=written)
    if usage is not None:
        assert 0 <= usage.cached_input + usage.cache_written <= usage.input
        assert usage.cache_written >= 0
