"""OpenAI-compatible chat completions: OpenAI itself, vLLM, Ollama, LiteLLM's proxy, OpenRouter and many more."""

from __future__ import annotations

import json
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from gateway.providers.provider import Call, Manner, Reply, Shape
from gateway.providers.schema_instruction import with_schema_told
from gateway.providers.strict_schema import strict_schema
from gateway.providers.token_counts import token_usage
from gateway.providers.wire_json import read_json
from routing.completion import FinishReason, TokenLogprob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from routing.completion import TokenUsage
    from routing.json_value import JsonObject

_FINISH = {
    "stop": FinishReason.STOP,
    "tool_calls": FinishReason.STOP,
    "function_call": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.REFUSAL,
}
_ANSWER = "answer"


class OpenAiProvider:
    """Writes and reads `POST /chat/completions`."""

    default_base_url = "https://api.openai.com/v1"
    shapes = (Shape.JSON_SCHEMA, Shape.TOOL, Shape.JSON, Shape.TEXT)

    def url(self, base_url: str) -> str:
        """Return where calls go."""
        return f"{base_url.rstrip('/')}/chat/completions"

    def uses_old_token_field(self, base_url: str) -> bool:
        """Tell whether an address is not OpenAI's own: others may ignore the new field, and the cap with it."""
        return urlsplit(base_url).hostname != urlsplit(self.default_base_url).hostname

    def headers(self, key: SecretStr | None) -> Mapping[str, str]:
        """Return the headers of every call with this key."""
        headers = {"content-type": "application/json", "accept": "application/json"}
        return headers if key is None else headers | {"authorization": f"Bearer {key.get_secret_value()}"}

    def body(self, call: Call, manner: Manner) -> bytes:
        """Return a call as it goes over the wire."""
        told = manner.shape in {Shape.JSON, Shape.TEXT}
        messages = with_schema_told(call.prompt) if told else call.prompt.messages
        body: dict[str, Any] = {
            "model": call.model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "max_tokens" if manner.old_token_field else "max_completion_tokens": call.max_output_tokens,
        }
        if call.temperature is not None and manner.send_temperature:
            body["temperature"] = call.temperature
        if call.logprobs and manner.send_logprobs:
            body["logprobs"] = True
        return orjson.dumps(body | _shape(call.prompt.schema, manner.shape))

    def read(self, body: bytes) -> Reply:
        """Read an answer of a 2xx status."""
        answer = read_json(body)
        choice = answer["choices"][0]
        message = choice["message"]
        refusal = message.get("refusal")
        text = refusal or _tool_arguments(message) or _content(message.get("content"))
        finish = _FINISH.get(choice.get("finish_reason") or "stop", FinishReason.OTHER)
        return Reply(
            text=text,
            finish_reason=FinishReason.REFUSAL if refusal else finish,
            usage=_usage(answer.get("usage")),
            logprobs=_logprobs(choice.get("logprobs")),
        )


def _shape(schema: JsonObject, shape: Shape) -> dict[str, Any]:
    match shape:
        case Shape.JSON_SCHEMA:
            return {"response_format": _response_format(orjson.dumps(schema))}
        case Shape.TOOL:
            function = {"name": _ANSWER, "description": "Give the answer.", "parameters": schema}
            return {
                "tools": [{"type": "function", "function": function}],
                "tool_choice": {"type": "function", "function": {"name": _ANSWER}},
            }
        case Shape.JSON:
            return {"response_format": {"type": "json_object"}}
        case Shape.TEXT:
            return {}


@lru_cache(maxsize=64)
def _response_format(schema_json: bytes) -> orjson.Fragment:
    schema = orjson.loads(schema_json)
    strict = strict_schema(schema)
    described = {"name": _ANSWER, "schema": strict or schema, "strict": strict is not None}
    return orjson.Fragment(orjson.dumps({"type": "json_schema", "json_schema": described}))


def _tool_arguments(message: Mapping[str, Any]) -> str | None:
    calls = message.get("tool_calls")
    if not calls:
        return None
    # A call without arguments is an answer all the same: it was paid for, and would be the same the next time.
    arguments = calls[0]["function"].get("arguments") or ""
    # Some compatible servers send the object itself instead of its text.
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _content(content: Any) -> str:  # noqa: ANN401 - read from the wire
    """Return the text of a message, whose content may be a list of parts.

    What is neither is given as JSON for the checks to judge: the model did answer, and would be paid again.
    """
    if content is None or isinstance(content, str):
        return content or ""
    texts = _texts(content)
    return json.dumps(content) if texts is None else "".join(texts)


def _texts(content: Any) -> list[str] | None:  # noqa: ANN401 - read from the wire
    if not (isinstance(content, list) and all(isinstance(part, dict) for part in content)):
        return None
    texts = [part.get("text") for part in content if part.get("type", "text") in {"text", "output_text"}]
    return texts if all(isinstance(text, str) for text in texts) else None


def _usage(usage: Any) -> TokenUsage | None:  # noqa: ANN401 - read from the wire
    if not isinstance(usage, dict):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return token_usage(usage.get("prompt_tokens"), usage.get("completion_tokens"), cached)


def _logprobs(logprobs: Any) -> tuple[TokenLogprob, ...] | None:  # noqa: ANN401 - read from the wire
    content = (logprobs or {}).get("content")
    if not content:
        return None
    told = tuple(TokenLogprob(str(token["token"]), float(token["logprob"])) for token in content)
    return told if all(isfinite(token.logprob) for token in told) else None
