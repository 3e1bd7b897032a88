"""The gateway over real HTTP: answers, retries, steps down, falls back, and gives up in time."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

import pytest
from pydantic import SecretStr

from evaluation.model_server.engine import EngineRequest
from gateway.asking import LONGEST_BACKOFF_S
from gateway.gateway import COMPARISONS, Gateway
from gateway.limits import HORIZON_S, RateLimit
from gateway.pyreqwest_transport import PyreqwestTransport
from gateway.transport import HttpAnswer
from routing.completion import Completion, FinishReason, Message, Prompt
from routing.deployment import ModelSpec
from routing.errors import CallRefusedError, NotFoundError, ProviderTroubleError, Trouble
from tests.support.loopback import loopback

PROMPT = Prompt(
    (Message("system", "Extract."), Message("user", "TOTAL 9.00 secret document")),
    {
        "type": "object",
        "properties": {"total": {"type": "number"}},
        "required": ["total"],
        "additionalProperties": False,
    },
)
ANSWER = '{"total": 9}'
OK = json.dumps(
    {
        "choices": [{"message": {"content": ANSWER}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}},
    }
).encode()


class Scripted:
    """A transport that answers as a script says, and keeps what it was sent. The last answer repeats."""

    def __init__(self, *answers: HttpAnswer | ProviderTroubleError) -> None:
        self._answers = list(answers)
        self.sent: list[dict[str, Any]] = []
        self.urls: list[str] = []

    async def post(self, url: str, headers: object, body: bytes, timeout_s: float) -> HttpAnswer:
        """Give the next answer."""
        self.urls.append(url)
        self.sent.append(json.loads(body))
        given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(given, ProviderTroubleError):
            raise given
        return given

    async def aclose(self) -> None:
        """Close nothing."""


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.slept.append(seconds)
        self.now += seconds


def _answer(status: int = 200, body: bytes = OK, **headers: str) -> HttpAnswer:
    return HttpAnswer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def _error(status: int, message: str = "a long story about a secret document", code: str = "bad_thing") -> HttpAnswer:
    return _answer(status, json.dumps({"error": {"message": message, "code": code}}).encode())


def _spec(name: str = "small", **changes: object) -> ModelSpec:
    values: dict[str, object] = {"name": name, "provider": "openai", "model": f"{name}-1", "base_url": "http://host/v1"}
    return ModelSpec.model_validate(values | {"timeout_s": 10, "api_key_variable": "SMALL_KEY"} | changes)


def _gateway(transport: Scripted, time: Time | None = None, *specs: ModelSpec, **ports: Any) -> Gateway:  # noqa: ANN401
    time = time or Time()
    models = {spec.name: spec for spec in specs or (_spec(),)}
    keys = {"small": SecretStr("the key")}
    return Gateway(models, keys, transport, clock=time, sleep=time.sleep, jitter=lambda: 1.0, **ports)


def _complete(gateway: Gateway, model: str = "small", **options: Any) -> Completion:  # noqa: ANN401
    async def complete() -> Completion:
        return await gateway.complete(model, PROMPT, max_output_tokens=50, **options)

    return asyncio.run(complete())


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("structured", ["auto", "json_schema", "tool", "json"])
def test_each_provider_answers_over_real_http(provider: str, structured: str) -> None:
    """Whatever the wire format and the way the form is asked for, the answer and its tokens come back."""
    asked: list[EngineRequest] = []

    def engine(request: EngineRequest) -> str:
        asked.append(request)
        return ANSWER

    async def complete(base_url: str) -> Completion:
        spec = _spec(provider=provider, structured=structured, base_url=base_url, model="m")
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
    usage = _complete(_gateway(Scripted(_answer()))).usage
    assert (usage.input, usage.output, usage.cached_input) == (10, 5, 4)


def test_tokens_nobody_counted_are_estimated() -> None:
    """A provider without usage is billed by estimate, and that is said."""
    body = json.dumps({"choices": [{"message": {"content": ANSWER}}]}).encode()
    usage = _complete(_gateway(Scripted(_answer(body=body)))).usage
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
        _complete(_gateway(Scripted(_answer(body=body)), None, _spec(provider=provider)))
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
    completion = _complete(_gateway(Scripted(_answer(body=body))))
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
    scripted = Scripted(_error(status), _error(status), _answer())
    assert _complete(_gateway(scripted)).http_calls == 3
    with pytest.raises(ProviderTroubleError) as caught:
        _complete(_gateway(Scripted(_error(status))))
    assert caught.value.trouble is trouble


def test_retry_after_is_honoured_within_the_deadline() -> None:
    """The wait is what the provider asked for, and some jitter; one that is too long is left to the queue."""
    time = Time()
    _complete(_gateway(Scripted(_answer(429, b"{}", retry_after="3"), _answer()), time))
    assert time.slept == [3.25]
    patient = Time()
    with pytest.raises(ProviderTroubleError) as caught:
        _complete(_gateway(Scripted(_answer(429, b"{}", retry_after="120")), patient))
    assert (patient.slept, caught.value.retry_after_s) == ([], 120.0)


def test_all_tries_together_keep_the_deadline() -> None:
    """However often it is tried, a call takes at most twice its model's timeout."""
    time = Time()
    with pytest.raises(ProviderTroubleError):
        _complete(_gateway(Scripted(_answer(503, b"{}", retry_after="8")), time))
    assert time.now - 1000 <= 20


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
def test_a_refused_call_is_not_tried_again(status: int) -> None:
    """The error says which model, which status and code, what to do, and nothing of the provider's own words."""
    scripted = Scripted(_error(status))
    with pytest.raises(CallRefusedError) as caught:
        _complete(_gateway(scripted))
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
        _complete(_gateway(Scripted(_answer(401, body))))
    assert "(" not in str(caught.value).partition("refused")[2]


def test_a_form_that_is_refused_is_not_asked_for_again() -> None:
    """The gateway steps down once, and remembers it for the next call."""
    scripted = Scripted(_error(400, "response_format is not supported"), _error(400, "no tools here"), _answer())
    gateway = _gateway(scripted)
    assert _complete(gateway).http_calls == 3
    assert "json_schema" in str(scripted.sent[0]["response_format"])
    assert "tools" in scripted.sent[1]
    assert scripted.sent[2]["response_format"] == {"type": "json_object"}
    assert "JSON Schema" in scripted.sent[2]["messages"][0]["content"]
    _complete(gateway)
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
    scripted = Scripted(_error(400, said), _answer())
    _complete(_gateway(scripted), logprobs=True)
    assert field in scripted.sent[0]
    assert field not in scripted.sent[1]


def test_logprobs_come_back_where_they_are_offered() -> None:
    """Each token has its probability."""
    message = {"choices": [{"message": {"content": "9"}, "logprobs": {"content": [{"token": "9", "logprob": -0.1}]}}]}
    completion = _complete(_gateway(Scripted(_answer(body=json.dumps(message).encode()))), logprobs=True)
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
    scripted = Scripted(_answer(body=json.dumps(answer).encode()))
    assert _complete(_gateway(scripted, None, _spec(provider=provider))).finish_reason is FinishReason.REFUSAL


def test_trouble_goes_to_the_fallback_and_says_who_answered() -> None:
    """Models are asked in order while the first is in trouble; a refusal is no trouble."""
    small, other = _spec(fallback=("other",)), _spec("other", base_url="http://other/v1")
    scripted = Scripted(*[_error(500)] * 4, _answer())
    assert _complete(_gateway(scripted, None, small, other)).model == "other"
    assert scripted.urls[-1] == "http://other/v1/chat/completions"
    with pytest.raises(CallRefusedError):
        _complete(_gateway(Scripted(_error(401)), None, small, other))


def test_a_model_in_repeated_trouble_is_left_alone() -> None:
    """Once it has been in trouble for long, nothing is sent until its rest is over, and that is told beforehand."""
    time = Time()
    scripted = Scripted(_error(500))
    gateway = _gateway(scripted, time)
    for _ in range(2):
        with pytest.raises(ProviderTroubleError) as caught:
            _complete(gateway)
        assert (caught.value.trouble, caught.value.http_calls) == (Trouble.OVERLOADED, 4)
    with pytest.raises(ProviderTroubleError) as caught:
        _complete(gateway)
    assert (caught.value.trouble, caught.value.http_calls) == (Trouble.CIRCUIT_OPEN, 0)
    assert len(scripted.sent) == 8
    assert 0 < gateway.unavailable_for_s("small") <= 30
    time.now += 60
    assert gateway.unavailable_for_s("small") == 0


def test_a_short_rest_is_waited_out() -> None:
    """A call that begins while the provider wants none for two seconds is made after them."""
    time = Time()
    scripted = Scripted(_answer(429, b"{}", retry_after="2"), _answer())

    async def both(gateway: Gateway) -> list[Completion]:
        asked = [gateway.complete("small", PROMPT, max_output_tokens=50) for _ in range(2)]
        return await asyncio.gather(*asked)

    gateway = _gateway(scripted, time)
    assert [answer.http_calls for answer in asyncio.run(both(gateway))] == [2, 1]
    assert time.now >= 1002


def test_whoever_waits_for_a_model_goes_on_once_it_answers() -> None:
    """The answer to one call ends the wait of the others, however long they would have rested."""
    script = [_error(500)] * 5 + [_answer()]

    async def run() -> float:
        gateway = Gateway({"small": _spec()}, {"small": SecretStr("k")}, Scripted(*script), jitter=lambda: 0.0)
        for _ in range(2):
            probing = asyncio.create_task(gateway.complete("small", PROMPT, max_output_tokens=50))
            with suppress(ProviderTroubleError, TimeoutError):
                await asyncio.wait_for(asyncio.shield(probing), 0.1)
        assert gateway.unavailable_for_s("small") > 1
        began = time.monotonic()
        await asyncio.gather(probing, gateway.wait_until_available(["small"]))
        return time.monotonic() - began

    assert 1 < asyncio.run(run()) < 4


def test_a_process_that_ends_waits_for_nothing_but_answers() -> None:
    """Neither a shared limit nor a back-off holds it up; nothing was sent, and what was reserved is given back."""
    limits = CountingLimits(wait_s=9.0)

    async def run() -> ProviderTroubleError:
        gateway = Gateway({"small": _spec(requests_per_minute=5)}, {}, Scripted(_answer()), limits=limits)
        asked = asyncio.create_task(gateway.complete("small", PROMPT, max_output_tokens=50))
        await asyncio.sleep(0)
        gateway.hurry()
        with pytest.raises(ProviderTroubleError) as caught:
            await asked
        return caught.value

    ended = asyncio.run(run())
    assert (ended.trouble, ended.http_calls) == (Trouble.CIRCUIT_OPEN, 0)
    assert (sum(limits.told), limits.requests) == (0, 0)


def test_an_unknown_model_is_told() -> None:
    """A name that the deployment lacks is the user's mistake."""
    with pytest.raises(NotFoundError, match="nobody"):
        _complete(_gateway(Scripted(_answer())), "nobody")


class CountingLimits:
    """A limit that makes everybody wait, and keeps what it was told."""

    def __init__(self, wait_s: float = 1.0) -> None:
        self.waits_s = [wait_s]
        self.told: list[int] = []
        self.requests = 0

    async def reserve(self, model: str, limit: RateLimit, tokens: int) -> float:
        """Note the reserve, where it is one. The last wait repeats."""
        wait_s = self.waits_s.pop(0) if len(self.waits_s) > 1 else self.waits_s[0]
        if wait_s <= HORIZON_S:
            self.told.append(tokens)
            self.requests += 1
        return wait_s

    async def settle(self, model: str, limit: RateLimit, tokens: int, requests: int = 0) -> None:
        """Note the correction."""
        self.told.append(tokens)
        self.requests += requests

    async def aclose(self) -> None:
        """Close nothing."""


def test_a_limited_model_reserves_waits_and_settles() -> None:
    """The wait is told apart from the provider's time, and the reserve is corrected to what was used."""
    limits, time = CountingLimits(), Time()
    completion = _complete(_gateway(Scripted(_answer()), time, _spec(requests_per_minute=5), limits=limits))
    assert (completion.limit_wait_ms, time.slept) == (1000.0, [1.0])
    assert sum(limits.told) == 15


def test_a_call_that_is_far_from_its_turn_asks_again() -> None:
    """Beyond the horizon nothing is reserved; the whole wait is told, and takes nothing from the deadline."""
    limits, time = CountingLimits(), Time()
    limits.waits_s = [60.0, 13.0, 2.0]
    completion = _complete(_gateway(Scripted(_answer()), time, _spec(requests_per_minute=5), limits=limits))
    assert time.slept == [10.0, 8.0, 2.0]
    assert (completion.limit_wait_ms, limits.requests, sum(limits.told)) == (20_000.0, 1, 15)


def test_every_exchange_is_reserved() -> None:
    """A call that steps down twice is three requests at the provider; only the answered one used tokens."""
    limits = CountingLimits(0.0)
    refusals = [_error(400, "response_format is not supported"), _error(400, "no tools here")]
    gateway = _gateway(Scripted(*refusals, _answer()), None, _spec(requests_per_minute=5), limits=limits)
    assert _complete(gateway).http_calls == limits.requests == 3
    assert sum(limits.told) == 15


def test_a_limit_without_an_answer_ends_in_time() -> None:
    """A Redis that hangs is trouble at the deadline, and holds up an answer by a second at most."""

    class Hanging(CountingLimits):
        async def settle(self, model: str, limit: RateLimit, tokens: int, requests: int = 0) -> None:
            """Never settle."""
            await asyncio.Event().wait()

    class HangingAtOnce(Hanging):
        async def reserve(self, model: str, limit: RateLimit, tokens: int) -> float:
            """Never reserve."""
            await asyncio.Event().wait()
            return 0.0

    spec = _spec(requests_per_minute=5, timeout_s=0.2)
    answered = Gateway({"small": spec}, {}, Scripted(_answer()), limits=Hanging(0.0))
    began = time.monotonic()
    assert _complete(answered).text == ANSWER
    assert time.monotonic() - began < 1.9
    with pytest.raises(ProviderTroubleError) as caught:
        _complete(Gateway({"small": spec}, {}, Scripted(_answer()), limits=HangingAtOnce()))
    assert caught.value.trouble is Trouble.UNREACHABLE
    assert time.monotonic() - began < 4


def test_a_model_without_a_limit_asks_nobody() -> None:
    """Only limited models pay for the round trip."""
    limits = CountingLimits()
    _complete(_gateway(Scripted(_answer()), limits=limits))
    assert limits.told == []


def test_many_calls_at_once_share_one_gateway() -> None:
    """Hundreds of calls under way do not mix up their answers."""

    def engine(request: EngineRequest) -> str:
        return json.dumps({"total": float(request.messages[-1].content)})

    async def run(base_url: str) -> list[Completion]:
        gateway = Gateway({"small": _spec(base_url=base_url, model="m")}, {}, PyreqwestTransport())
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
    troubled = [_error(503)] * 8
    gateway = _gateway(Scripted(*troubled, _answer()))
    for _ in range(2):
        with pytest.raises(ProviderTroubleError):
            _complete(gateway)
    assert gateway.unavailable_for_s("small") > LONGEST_BACKOFF_S
    assert len(asyncio.run(gateway.compare("small"))) == COMPARISONS


def test_a_model_that_answers_nobody_is_compared_with_nothing() -> None:
    """An outage is not held against the call that meets it."""
    assert asyncio.run(_gateway(Scripted(_error(503))).compare("small")) == ()
