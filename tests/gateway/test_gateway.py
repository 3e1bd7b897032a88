"""The gateway over real HTTP: answers, retries, steps down, falls back, and gives up in time."""

from __future__ import annotations

import asyncio
import json
import random
import time
import tracemalloc
from collections.abc import Awaitable
from contextlib import suppress

import pytest
from pydantic import SecretStr

from evaluation.model_server.engine import EngineRequest
from gateway.asking import LONGEST_BACKOFF_S
from gateway.gateway import COMPARISONS, Gateway
from gateway.pyreqwest_transport import PyreqwestTransport
from gateway.transport import HttpAnswer
from routing.completion import Completion, FinishReason, Message, Prompt
from routing.errors import CallRefusedError, NotFoundError, ProviderTroubleError, Trouble
from tests.support.loopback import loopback
from tests.support.scripted_gateway import (
    ANSWER,
    PROMPT,
    Scripted,
    Time,
    a_gateway,
    a_spec,
    an_answer,
    an_error,
    complete_by,
)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_call_holds_little_more_than_what_it_sends(provider: str) -> None:
    """Thousands are in flight at once, and what writes JSON leaves room for several times as much."""
    held: list[tuple[int, int]] = []

    class Weighing(Scripted):
        async def post(self, url: str, headers: object, body: bytes, timeout_s: float) -> HttpAnswer:
            held.append((tracemalloc.get_traced_memory()[0], len(body)))
            return await super().post(url, headers, body, timeout_s)

    async def complete() -> None:
        gateway = a_gateway(Weighing(an_answer()), None, a_spec(provider=provider))
        prompt = Prompt((Message("user", "a document " * 20_000),), PROMPT.schema)
        tracemalloc.start()
        with suppress(ProviderTroubleError):  # the answer is in one provider's form
            await gateway.complete("small", prompt, max_output_tokens=50, tries=1)
        tracemalloc.stop()

    asyncio.run(complete())
    ((traced, sent),) = held
    assert traced < 2 * sent


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("structured", ["auto", "json_schema", "tool", "json"])
def test_each_provider_answers_over_real_http(provider: str, structured: str) -> None:
    """Whatever the wire format and the way the form is asked for, the answer and its tokens come back."""
    asked: list[EngineRequest] = []

    def engine(request: EngineRequest) -> str:
        asked.append(request)
        return ANSWER

    async def complete(base_url: str) -> Completion:
        spec = a_spec(provider=provider, structured=structured, base_url=base_url, model="m")
        gateway = Gateway({"small": spec}, {"small": SecretStr("k")}, PyreqwestTransport())
        try:
            await gateway.probe("small")
            return await gateway.complete("small", PROMPT, max_output_tokens=50)
        finally:
            await gateway.aclose()

    with loopback({"m": engine}) as server:
        completion = asyncio.run(complete(server.base_url))
    assert json.loads(completion.text) == {"total": 9}
    assert (completion.finish_reason, completion.model, completion.http_calls) == (FinishReason.STOP, "small", 1)
    assert completion.usage.input > 0
    assert not completion.usage.estimated
    assert asked[-1].messages[-1].content.endswith("secret document")
    assert asked[-1].messages[0].role == "system"


def test_cached_tokens_are_told() -> None:
    """What the provider read from its cache is a part of the input."""
    usage = complete_by(a_gateway(Scripted(an_answer()))).usage
    assert (usage.input, usage.output, usage.cached_input) == (10, 5, 4)


def test_tokens_nobody_counted_are_estimated() -> None:
    """A provider without usage is billed by estimate, and that is said."""
    body = json.dumps({"choices": [{"message": {"content": ANSWER}}]}).encode()
    usage = complete_by(a_gateway(Scripted(an_answer(body=body)))).usage
    assert usage.estimated
    assert usage.output == 3


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Welcome</html>", b'{"choices": []}', b'{"choices": [{"message": {"tool_calls": [7]}}]}', b"[1]",
     b"null", b'{"choices": [{"message": "x"}]}', b'{"choices": [{"mess', b"\xff\xfe\x00", b'{"choices": 5}',
     b"[" * 100_000, '{"choices": [{"message": {"content": "café"}}]}'.encode("latin-1")],
)  # fmt: skip
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_body_of_no_known_form_is_trouble(provider: str, body: bytes) -> None:
    """A proxy's page with status 200 is not an answer, and nothing untyped is raised."""
    with pytest.raises(ProviderTroubleError) as caught:
        complete_by(a_gateway(Scripted(an_answer(body=body)), None, a_spec(provider=provider)))
    assert caught.value.trouble is Trouble.BAD_BODY


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": '{"total"'}, {"type": "output_text", "text": ": 9}"}], ANSWER),
        ([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": ANSWER}], ANSWER),
        (7, "7"),
        ({"total": 9}, ANSWER),
        (["a", 1], '["a", 1]'),
        ([{"type": "text", "text": 7}], '[{"type": "text", "text": 7}]'),
    ],
)
def test_a_content_of_any_form_is_an_answer(content: object, text: str) -> None:
    """The model did answer, and was paid: what it said is for the checks to judge, once."""
    body = json.dumps({"choices": [{"message": {"content": content}}], "usage": {"prompt_tokens": 1}}).encode()
    completion = complete_by(a_gateway(Scripted(an_answer(body=body))))
    assert (completion.text, completion.http_calls) == (text, 1)


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (429, Trouble.RATE_LIMITED),
        (500, Trouble.OVERLOADED),
        (503, Trouble.OVERLOADED),
        (408, Trouble.OVERLOADED),
    ],
)
def test_passing_trouble_is_tried_again(status: int, trouble: Trouble) -> None:
    """An answer after troubles is an answer; all the calls are counted."""
    scripted = Scripted(an_error(status), an_error(status), an_answer())
    assert complete_by(a_gateway(scripted)).http_calls == 3
    with pytest.raises(ProviderTroubleError) as caught:
        complete_by(a_gateway(Scripted(an_error(status))))
    assert caught.value.trouble is trouble


def test_retry_after_is_honoured_within_the_deadline() -> None:
    """The wait is what the provider asked for, and some jitter; one that is too long is left to the queue."""
    time = Time()
    complete_by(a_gateway(Scripted(an_answer(429, b"{}", retry_after="3"), an_answer()), time))
    assert time.slept == [3.25]
    patient = Time()
    with pytest.raises(ProviderTroubleError) as caught:
        complete_by(a_gateway(Scripted(an_answer(429, b"{}", retry_after="120")), patient))
    assert (patient.slept, caught.value.retry_after_s) == ([], 120.0)


def test_all_tries_together_keep_the_deadline() -> None:
    """However often it is tried, a call takes at most twice its model's timeout."""
    time = Time()
    with pytest.raises(ProviderTroubleError):
        complete_by(a_gateway(Scripted(an_answer(503, b"{}", retry_after="8")), time))
    assert time.now - 1000 <= 20


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
def test_a_refused_call_is_not_tried_again(status: int) -> None:
    """The error says which model, which status and code, what to do, and nothing of the provider's own words."""
    scripted = Scripted(an_error(status))
    with pytest.raises(CallRefusedError) as caught:
        complete_by(a_gateway(scripted))
    told = str(caught.value)
    assert (caught.value.status, len(scripted.sent)) == (status, 1)
    assert "small" in told
    assert "bad_thing" in told
    assert "secret" not in told
    assert "the key" not in told
    if status in {401, 403}:
        assert "SMALL_KEY" in told


@pytest.mark.parametrize("code", ["a b", "<script>", "x" * 65, 7, None, {}])
def test_a_code_that_is_no_code_is_not_told(code: object) -> None:
    """Only short plain words of the provider's reach our messages."""
    body = json.dumps({"error": {"code": code, "type": code}}).encode()
    with pytest.raises(CallRefusedError) as caught:
        complete_by(a_gateway(Scripted(an_answer(401, body))))
    assert "(" not in str(caught.value).partition("refused")[2]


def test_a_form_that_is_refused_is_not_asked_for_again() -> None:
    """The gateway steps down once, and remembers it for the next call."""
    scripted = Scripted(an_error(400, "response_format is not supported"), an_error(400, "no tools here"), an_answer())
    gateway = a_gateway(scripted)
    assert complete_by(gateway).http_calls == 3
    assert "json_schema" in str(scripted.sent[0]["response_format"])
    assert "tools" in scripted.sent[1]
    assert scripted.sent[2]["response_format"] == {"type": "json_object"}
    assert "JSON Schema" in scripted.sent[2]["messages"][0]["content"]
    complete_by(gateway)
    assert scripted.sent[3]["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ("temperature does not support 0.0", "temperature"),
        ("use max_completion_tokens, not max_tokens", "max_tokens"),
        ("logprobs are not supported", "logprobs"),
    ],
)
def test_a_parameter_that_is_refused_is_left_out(said: str, field: str) -> None:
    """Models that take no temperature, no logprobs, or only the older field for tokens are called without."""
    scripted = Scripted(an_error(400, said), an_answer())
    complete_by(a_gateway(scripted), logprobs=True)
    assert field in scripted.sent[0]
    assert field not in scripted.sent[1]


def test_logprobs_come_back_where_they_are_offered() -> None:
    """Each token has its probability."""
    message = {"choices": [{"message": {"content": "9"}, "logprobs": {"content": [{"token": "9", "logprob": -0.1}]}}]}
    completion = complete_by(a_gateway(Scripted(an_answer(body=json.dumps(message).encode()))), logprobs=True)
    assert completion.logprobs is not None
    assert (completion.logprobs[0].token, completion.logprobs[0].logprob) == ("9", -0.1)


@pytest.mark.parametrize(
    ("provider", "answer"),
    [
        ("openai", {"choices": [{"message": {"refusal": "I will not", "content": None}, "finish_reason": "stop"}]}),
        ("openai", {"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}),
        ("anthropic", {"content": [], "stop_reason": "refusal"}),
    ],
)
def test_a_model_that_declines_is_heard(provider: str, answer: dict[str, object]) -> None:
    """A refusal is an answer of its own kind, whatever the provider calls it."""
    scripted = Scripted(an_answer(body=json.dumps(answer).encode()))
    assert complete_by(a_gateway(scripted, None, a_spec(provider=provider))).finish_reason is FinishReason.REFUSAL


def test_trouble_goes_to_the_fallback_and_says_who_answered() -> None:
    """Models are asked in order while the first is in trouble; a refusal is no trouble."""
    small, other = a_spec(fallback=("other",)), a_spec("other", base_url="http://other/v1")
    scripted = Scripted(*[an_error(500)] * 4, an_answer())
    assert complete_by(a_gateway(scripted, None, small, other)).model == "other"
    assert scripted.urls[-1] == "http://other/v1/chat/completions"
    with pytest.raises(CallRefusedError):
        complete_by(a_gateway(Scripted(an_error(401)), None, small, other))


def test_a_model_in_repeated_trouble_is_left_alone() -> None:
    """Once it has been in trouble for long, nothing is sent until its rest is over, and that is told beforehand."""
    time = Time()
    scripted = Scripted(an_error(500))
    gateway = a_gateway(scripted, time)
    for _ in range(2):
        with pytest.raises(ProviderTroubleError) as caught:
            complete_by(gateway)
        assert (caught.value.trouble, caught.value.http_calls) == (Trouble.OVERLOADED, 4)
    with pytest.raises(ProviderTroubleError) as caught:
        complete_by(gateway)
    assert (caught.value.trouble, caught.value.http_calls) == (Trouble.CIRCUIT_OPEN, 0)
    assert len(scripted.sent) == 8
    assert 0 < gateway.unavailable_for_s("small") <= 30
    time.now += 60
    assert gateway.unavailable_for_s("small") == 0


def test_a_short_rest_is_waited_out() -> None:
    """A call that begins while the provider wants none for two seconds is made after them."""
    time = Time()
    scripted = Scripted(an_answer(429, b"{}", retry_after="2"), an_answer())

    async def both(gateway: Gateway) -> list[Completion]:
        asked = [gateway.complete("small", PROMPT, max_output_tokens=50) for _ in range(2)]
        return await asyncio.gather(*asked)

    gateway = a_gateway(scripted, time)
    assert [answer.http_calls for answer in asyncio.run(both(gateway))] == [2, 1]
    assert time.now >= 1002


def test_whoever_waits_for_a_model_goes_on_once_it_answers() -> None:
    """The answer to one call ends the wait of the others, however long they would have rested."""
    script = [an_error(500)] * 5 + [an_answer()]

    async def run() -> float:
        gateway = Gateway({"small": a_spec()}, {"small": SecretStr("k")}, Scripted(*script), jitter=lambda: 0.0)
        for _ in range(2):
            probing = asyncio.create_task(gateway.complete("small", PROMPT, max_output_tokens=50))
            with suppress(ProviderTroubleError, TimeoutError):
                await asyncio.wait_for(asyncio.shield(probing), 0.1)
        assert gateway.unavailable_for_s("small") > 1
        began = time.monotonic()
        await asyncio.gather(probing, gateway.wait_until_available(["small"]))
        return time.monotonic() - began

    assert 1 < asyncio.run(run()) < 4


def test_an_unknown_model_is_told() -> None:
    """A name that the deployment lacks is the user's mistake."""
    with pytest.raises(NotFoundError, match="nobody"):
        complete_by(a_gateway(Scripted(an_answer())), "nobody")


def test_many_calls_at_once_share_one_gateway() -> None:
    """Hundreds of calls under way do not mix up their answers."""

    def engine(request: EngineRequest) -> str:
        return json.dumps({"total": float(request.messages[-1].content)})

    async def run(base_url: str) -> list[Completion]:
        gateway = Gateway({"small": a_spec(base_url=base_url, model="m")}, {}, PyreqwestTransport())
        prompts = [Prompt((Message("user", str(number)),), PROMPT.schema) for number in range(200)]
        random.Random(1).shuffle(prompts)
        calls: list[Awaitable[Completion]] = [
            gateway.complete("small", prompt, max_output_tokens=5) for prompt in prompts
        ]
        try:
            answers = await asyncio.gather(*calls)
        finally:
            await gateway.aclose()
        assert [json.loads(a.text)["total"] for a in answers] == [float(p.messages[0].content) for p in prompts]
        return list(answers)

    with loopback({"m": engine}) as server:
        assert len(asyncio.run(run(server.base_url))) == 200


def test_a_call_that_is_never_answered_is_compared_though_it_opened_the_circuit() -> None:
    """The last item of a job has nobody beside it whose answers would close the circuit again."""
    troubled = [an_error(503)] * 8
    gateway = a_gateway(Scripted(*troubled, an_answer()))
    for _ in range(2):
        with pytest.raises(ProviderTroubleError):
            complete_by(gateway)
    assert gateway.unavailable_for_s("small") > LONGEST_BACKOFF_S
    assert len(asyncio.run(gateway.compare("small"))) == COMPARISONS


def test_a_model_that_answers_nobody_is_compared_with_nothing() -> None:
    """An outage is not held against the call that meets it."""
    assert asyncio.run(a_gateway(Scripted(an_error(503))).compare("small")) == ()
