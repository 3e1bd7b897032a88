"""Accepted answers are given again: real ledgers, real HTTP."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text as sql

from evaluation.model_server.engine import Engine
from evaluation.model_server.server import ModelServer
from routing.completion import Completion, FinishReason, Message, Prompt, TokenLogprob, TokenUsage
from routing.deployment import ModelSpec
from routing.task import AgreementSpec, CacheSpec, ChecksSpec, FrozenTask, JsonSchema, TierSpec
from storage import answer_cache, jobs, progress, results
from storage.database import Database
from tests.support.engine_room import EngineRoom, engine_room
from tests.support.ledgers import TIERS
from tests.support.loopback import answering, loopback
from workers.answer_cache import AnswerCache, to_keep
from workers.cache_pruning import PRUNE_EVERY_S, CachePruning

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
RIGHT, WRONG = '{"total": 9}', '{"total": 4711}'
TASK = FrozenTask(
    name="totals",
    output=JsonSchema(json_schema=SCHEMA),
    tiers=(
        TierSpec(name="cheap", model="small", system="", user="{{ text }}"),
        TierSpec(name="expensive", model="large", system="", user="{{ text }}"),
    ),
    checks=ChecksSpec(grounded=("total",)),
    cache=CacheSpec(mode="write"),
)


def _run(room: EngineRoom, ledger: Database, task: FrozenTask = TASK, count: int = 3) -> int:
    job = jobs.create(
        ledger, name=uuid.uuid4().hex, task=task, content_hash="c", items_total=count, budget=None, item_budget=None
    )
    items = [jobs.NewItem(f"doc-{n}", "cheap", f"number {n} TOTAL 9.00", "{}", None, None) for n in range(count)]
    jobs.add_items(ledger, job.id, 1, items)
    jobs.open_job(ledger, job.id, TIERS)
    room.pipeline.run_chunk("cheap", job.id, range(1, count + 1))
    room.pipeline.run_chunk("expensive", job.id, range(1, count + 1))
    return job.id


@contextmanager
def _served(ledger: Database, small: Engine, **models: str) -> Iterator[tuple[ModelServer, EngineRoom]]:
    with (
        loopback({"small": small, "large": answering(RIGHT)}) as server,
        engine_room(ledger, server.deployment(**models)) as room,
    ):
        yield server.server, room


def test_the_same_documents_again_cost_nothing(ledger: Database) -> None:
    """Each hit is an attempt of cost 0; what it saved stands apart from what routing saved."""
    with _served(ledger, answering(RIGHT)) as (server, room):
        first, second = _run(room, ledger), _run(room, ledger)
        assert server.ledger.answered["small"] == 3
    paid, free = (progress.read(ledger, str(job)) for job in (first, second))
    assert (free.job.cost_nano_usd, free.job.cache_saved_nano_usd) == (0, paid.job.cost_nano_usd)
    assert free.job.baseline_nano_usd == paid.job.baseline_nano_usd
    assert (paid.tiers[0].cache_hits, free.tiers[0].cache_hits) == (0, 3)
    (hit,) = results.trail(ledger, second, "1").attempts
    assert (hit.cache_hit, hit.cost_nano_usd, hit.http_calls) == (True, 0, 0)
    assert hit.saved_nano_usd > 0
    assert hit.answer == RIGHT


def test_what_was_not_accepted_is_asked_again(ledger: Database) -> None:
    """The cheap answers failed and were not kept; the expensive ones were."""
    with _served(ledger, answering(WRONG)) as (server, room):
        _run(room, ledger)
        _run(room, ledger)
        assert (server.ledger.answered["small"], server.ledger.answered["large"]) == (6, 3)


@pytest.mark.parametrize(("mode", "asked"), [("off", 6), ("read", 6), ("write", 3)])
def test_the_mode_says_what_is_kept_and_given(ledger: Database, mode: str, asked: int) -> None:
    """`read` gives what others kept, and keeps nothing."""
    task = TASK.model_copy(update={"cache": CacheSpec(mode=mode)})  # type: ignore[arg-type]
    with _served(ledger, answering(RIGHT)) as (server, room):
        _run(room, ledger, task)
        _run(room, ledger, task)
        assert server.ledger.answered["small"] == asked
        _run(room, ledger)
        read = TASK.model_copy(update={"cache": CacheSpec(mode="read")})
        before = server.ledger.answered["small"]
        _run(room, ledger, read)
        assert server.ledger.answered["small"] == before


def test_a_task_is_given_nothing_older_than_it_allows(ledger: Database) -> None:
    """However long the task that kept it did; what is asked anew takes the old answer's place."""
    strict = TASK.model_copy(update={"cache": CacheSpec(mode="write", max_age_days=1)})
    with _served(ledger, answering(RIGHT)) as (server, room):
        _run(room, ledger, count=1)
        with ledger.write() as connection:
            connection.execute(sql("UPDATE cached_answers SET stored_ms = stored_ms - 2 * 86400000"))
        _run(room, ledger, count=1)
        assert server.ledger.answered["small"] == 1
        _run(room, ledger, strict, count=1)
        _run(room, ledger, strict, count=1)
        assert server.ledger.answered["small"] == 2


def test_look_ups_that_share_a_query_keep_their_own_age(ledger: Database) -> None:
    """One task may be given what is too old for another."""
    completion = Completion("{}", FinishReason.STOP, TokenUsage(3, 4), "m", 12.0, cache_key="k")
    with ledger.write() as connection:
        answer_cache.keep(ledger, connection, [to_keep(completion, "totals", 30)])
        connection.execute(sql("UPDATE cached_answers SET stored_ms = stored_ms - 2 * 86400000"))
    cache = _cache(ledger)

    async def look() -> list[Completion | None]:
        return await asyncio.gather(cache.find("k", "m", 1), cache.find("k", "m", 3))

    assert [found is not None for found in asyncio.run(look())] == [False, True]


def test_another_prompt_or_another_check_is_another_matter(ledger: Database) -> None:
    """A changed prompt is asked anew; changed checks judge the kept answer anew."""
    louder = TASK.tiers[0].model_copy(update={"system": "Loudly."})
    stricter = TASK.model_copy(update={"checks": ChecksSpec(rules=("total > 100",))})
    with _served(ledger, answering(RIGHT)) as (server, room):
        _run(room, ledger, count=1)
        _run(room, ledger, TASK.model_copy(update={"tiers": (louder, TASK.tiers[1])}), count=1)
        assert server.ledger.answered["small"] == 2
        job = _run(room, ledger, stricter, count=1)
        assert server.ledger.answered["small"] == 2
    kept = results.trail(ledger, job, "1").attempts[0]
    assert (kept.cache_hit, kept.outcome) == (True, "rejected")


def test_a_second_opinion_is_kept_with_the_answer_it_agreed_with(ledger: Database) -> None:
    """Both calls are spared."""
    agreement = AgreementSpec(model="large", fields=("total",), tiers=("cheap",))
    task = TASK.model_copy(update={"checks": ChecksSpec(agreement=agreement)})
    with _served(ledger, answering(RIGHT)) as (server, room):
        _run(room, ledger, task)
        _run(room, ledger, task)
        assert (server.ledger.answered["small"], server.ledger.answered["large"]) == (3, 3)


def _cache(ledger: Database, **changes: object) -> AnswerCache:
    spec = ModelSpec(name="m", provider="openai", model="gpt")
    return AnswerCache(ledger, {"m": spec.model_copy(update=changes)})


def _key(cache: AnswerCache, system: str = "s", schema: dict[str, object] | None = None, tokens: int = 10) -> str:
    prompt = Prompt((Message("system", system), Message("user", "d")), schema or {"type": "object"})  # type: ignore[arg-type]
    return cache.key("m", prompt, tokens, logprobs=False)


def test_everything_that_determines_an_answer_is_in_its_key(ledger: Database) -> None:
    """Model, address, parameters, schema and messages; not the name the deployment gives a model."""
    same = _key(_cache(ledger))
    assert same == _key(_cache(ledger, name="other", requests_per_minute=5))
    others = {
        _key(_cache(ledger, model="gpt-2")),
        _key(_cache(ledger, provider="anthropic")),
        _key(_cache(ledger, base_url="http://127.0.0.1:1")),
        _key(_cache(ledger, temperature=0.5)),
        _key(_cache(ledger, structured="json")),
        _key(_cache(ledger), system="S"),
        _key(_cache(ledger), schema={"type": "object", "title": "t"}),
        _key(_cache(ledger), tokens=11),
        _cache(ledger).key("m", Prompt((), {"type": "object"}), 10, logprobs=True),
        _key(_cache(ledger), system="half a pair \ud83d"),
    }
    assert len(others | {same}) == 11


def test_an_answer_comes_back_whole_and_look_ups_share_a_query(ledger: Database) -> None:
    """Token probabilities too, which checks may need."""
    completion = Completion(
        "{}", FinishReason.STOP, TokenUsage(3, 4, estimated=True), "m", 12.0,
        logprobs=(TokenLogprob("{}", -0.25),), cache_key="k",
    )  # fmt: skip
    with ledger.write() as connection:
        answer_cache.keep(ledger, connection, [to_keep(completion, "totals", 1)])
    cache = _cache(ledger)

    async def look() -> list[Completion | None]:
        return await asyncio.gather(*(cache.find(key, "m", 1) for key in ("k", "k", "none")))

    first, again, none = asyncio.run(look())
    assert first is not None
    assert first == again
    assert (first.text, first.usage, first.logprobs) == (completion.text, completion.usage, completion.logprobs)
    assert (first.from_cache, first.http_calls, first.provider_ms) == (True, 0, 0.0)
    assert none is None


def test_a_ledger_that_is_away_is_a_miss() -> None:
    """The call is made; a cache is no reason to wait."""
    database = Database("postgresql://nobody@127.0.0.1:9/none")
    assert asyncio.run(_cache(database).find("k", "m", 1)) is None
    database.close()


def test_a_cache_that_cannot_be_read_is_a_miss(ledger: Database) -> None:
    """Whatever the reason is."""
    with ledger.write() as connection:
        connection.execute(sql("DROP TABLE cached_answers"))
    assert asyncio.run(_cache(ledger).find("k", "m", 1)) is None


def test_the_sweeper_prunes_once_a_minute(ledger: Database) -> None:
    """What is too old goes, and what is beyond a running task's limit."""
    now = [0.0]
    pruning = CachePruning(ledger, lambda: now[0])
    task = TASK.model_copy(update={"cache": CacheSpec(mode="write", max_mb=1)})
    job = jobs.create(ledger, name="running", task=task, content_hash="c", items_total=1, budget=None, item_budget=None)
    jobs.add_items(ledger, job.id, 1, [jobs.NewItem("a", "cheap", "t", "{}", None, None)])
    jobs.open_job(ledger, job.id, TIERS)

    def keep(key: str, size: int) -> None:
        answer = json.dumps("x" * size)
        kept = Completion(answer, FinishReason.STOP, TokenUsage(1, 1), "m", 1.0, cache_key=key)
        with ledger.write() as connection:
            answer_cache.keep(ledger, connection, [to_keep(kept, "totals", 1)])

    keep("big", 1_200_000)
    pruning.look()
    assert answer_cache.find(ledger, ["big"]) == {}
    keep("again", 1_200_000)
    pruning.look()
    assert set(answer_cache.find(ledger, ["again"])) == {"again"}
    now[0] = PRUNE_EVERY_S
    pruning.look()
    assert answer_cache.find(ledger, ["again"]) == {}
