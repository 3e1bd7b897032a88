"""Looking for a kept answer before a model is asked: many look-ups in one query."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING

import orjson

from routing.completion import Completion, FinishReason, TokenLogprob, TokenUsage
from routing.errors import ServiceUnreachableError
from storage import answer_cache
from storage.answer_cache import CachedAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routing.completion import Prompt
    from routing.deployment import ModelSpec
    from storage.database import Database

log = logging.getLogger(__name__)

GATHER_S = 0.002
"""How long a look-up waits for others to share its query."""
DAY_MS = 86_400_000


class AnswerCache:
    """Finds kept answers. Lives on the event loop; queries run in a thread beside it."""

    def __init__(self, database: Database, models: Mapping[str, ModelSpec]) -> None:
        self._database = database
        self._models = models
        self._waiting: dict[str, asyncio.Future[CachedAnswer | None]] = {}
        self._look_up: asyncio.Task[None] | None = None

    def key(self, model: str, prompt: Prompt, max_output_tokens: int, *, logprobs: bool) -> str:
        """Return the key of a call: a digest of everything that determines its answer."""
        spec = self._models[model]
        determining = [
            *(spec.provider, spec.model, spec.base_url, spec.server, spec.structured, spec.temperature),
            *(max_output_tokens, logprobs, prompt.schema),
            *([message.role, message.content] for message in prompt.messages),
        ]
        try:
            text = orjson.dumps(determining)
        except orjson.JSONEncodeError:  # half a surrogate pair in a document
            text = repr(determining).encode()
        return hashlib.sha256(text).hexdigest()

    async def find(self, key: str, model: str, max_age_days: float) -> Completion | None:
        """Return the answer kept under a key as its model would give it, None where there is none of at most this age.

        None also while the ledger cannot be reached.
        """
        future = self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
            if self._look_up is None:
                self._look_up = asyncio.create_task(self._find_waiting())
        kept = await asyncio.shield(future)
        # Whoever kept it may have allowed it a longer life than who reads it now.
        if kept is None or kept.age_ms > _max_age_ms(max_age_days):
            return None
        return _completion(kept, model)

    async def _find_waiting(self) -> None:
        await asyncio.sleep(GATHER_S)
        waiting, self._waiting, self._look_up = self._waiting, {}, None
        try:
            found = await asyncio.to_thread(answer_cache.find, self._database, list(waiting))
        except ServiceUnreachableError as error:
            log.warning("The cache is left aside: %s", error)
            found = {}
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must not wait for ever
            log.error("The cache cannot be read: %s", type(error).__name__)  # noqa: TRY400 - a message may quote values
            found = {}
        for key, future in waiting.items():
            if not future.done():
                future.set_result(found.get(key))


def to_keep(completion: Completion, task_name: str, max_age_days: float) -> CachedAnswer:
    """Return an answer as the ledger keeps it."""
    logprobs = completion.logprobs
    return CachedAnswer(
        key=completion.cache_key,
        task_name=task_name,
        answer=completion.text,
        finish_reason=completion.finish_reason,
        input_tokens=completion.usage.input,
        output_tokens=completion.usage.output,
        tokens_estimated=completion.usage.estimated,
        logprobs=None
        if logprobs is None
        else orjson.dumps([[token.token, token.logprob] for token in logprobs]).decode(),
        max_age_ms=_max_age_ms(max_age_days),
    )


def _max_age_ms(max_age_days: float) -> int:
    return round(max_age_days * DAY_MS)


def _completion(kept: CachedAnswer, model: str) -> Completion:
    pairs = None if kept.logprobs is None else orjson.loads(kept.logprobs)
    return Completion(
        text=kept.answer,
        finish_reason=FinishReason(kept.finish_reason),
        usage=TokenUsage(kept.input_tokens, kept.output_tokens, estimated=kept.tokens_estimated),
        model=model,
        provider_ms=0.0,
        http_calls=0,
        logprobs=None if pairs is None else tuple(TokenLogprob(token, logprob) for token, logprob in pairs),
        cache_key=kept.key,
        from_cache=True,
    )
