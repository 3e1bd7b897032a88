"""What an application gets for one document: real ledgers, real HTTP, engines that answer as the test says."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from pydantic import SecretStr

from evaluation.model_server.engine import Engine
from evaluation.model_server.faults import Fault, FaultPlan
from evaluation.model_server.server import Latency
from producer import Gateway, JobStoppedError
from producer.halting import cancel_job, pause_job
from routing.errors import (
    AnswerRejectedError,
    JobConflictError,
    NotFoundError,
    ProviderTroubleError,
    Trouble,
    UsageError,
)
from storage import jobs, live_items, progress, results, sweeping
from storage.database import Database
from storage.jobs import NewItem
from storage.records import ItemRecord
from storage.states import FailReason, ItemState, JobState, StopReason
from tests.support.late_claims import let_claims_come_late
from tests.support.ledgers import claim
from tests.support.loopback import answering, loopback
from workers import live_upkeep
from workers.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from storage.jobs import JobRecord
    from tests.support.loopback import Loopback

RIGHT = '{"total": 9}'
WRONG = '{"total": 4711}'
TEXT = "TOTAL 9.00"
TASK: dict[str, Any] = {
    "task": "totals",
    "schema": "total.json",
    "prompt": {"system": "Extract.", "user": "{{ text }}"},
    "checks": {"grounded": ["total"]},
    "tiers": [{"name": "cheap", "model": "small"}, {"name": "expensive", "model": "large"}],
    "route": {"rules": [{"id": "gold", "if": "metadata.user == 'gold'", "tier": "expensive"}]},
}
SCHEMA = {
    "type": "object",
    "properties": {"total": {"type": "number"}},
    "required": ["total"],
    "additionalProperties": False,
}


class Place:
    """A task folder with its deployment file beside, and a ledger."""

    def __init__(self, folder: Path, ledger: Database, ledger_url: str) -> None:
        self.folder = folder
        self.ledger = ledger
        self.settings = Settings.model_construct(
            home=folder / "home", ledger=SecretStr(ledger_url), redis_url=None, deployment=None, chunk=None
        )

    def gateway(self, server: Loopback, deployment: dict[str, Any] | None = None, **task: object) -> Gateway:
        """Return a gateway for the task, whose models the server answers."""
        models = {
            name: {
                "provider": "openai",
                "model": name,
                "base_url": server.base_url,
                "price": {"input": 1, "output": 10},
                "timeout_s": 2,
            }
            for name in ("small", "large")
        }
        self._write("total.json", SCHEMA)
        self._write("task.yaml", TASK | task)
        self._write("cheapfirst.yaml", {"models": models} | (deployment or {}))
        return Gateway(self.folder, self.folder / "cheapfirst.yaml", settings=self.settings)

    def _write(self, name: str, content: dict[str, Any]) -> None:
        (self.folder / name).write_bytes(orjson.dumps(content))

    def live_job(self) -> JobRecord:
        """Return the one job there is."""
        (job,) = jobs.listing(self.ledger)
        return job

    def trail(self, custom_id: str) -> results.Trail:
        """Return what the ledger knows of an item."""
        return results.trail(self.ledger, self.live_job().id, custom_id)


class Collected:
    """Stands for the export: what it was told."""

    def __init__(self) -> None:
        self.records: list[ItemRecord] = []
        self.is_closed = False

    def recorded(self, records: Iterable[ItemRecord]) -> None:
        """Note the records."""
        self.records.extend(records)

    def close(self) -> None:
        """Note that nothing more comes."""
        self.is_closed = True


def telling(asked: threading.Event, answer: str) -> Engine:
    """Return an engine that says when it is asked."""

    def answered(document: str) -> str:
        asked.set()
        return answer

    return answering(answered)


@pytest.fixture
def place(tmp_path: Path, ledger: Database, ledger_url: str) -> Place:
    """A place to run in, once with each kind of ledger."""
    return Place(tmp_path, ledger, ledger_url)


async def test_an_answer_that_passes_comes_back_with_where_it_is_from(place: Place) -> None:
    """The ledger tells the same story as the answer."""
    with loopback({"small": answering(RIGHT)}) as server:
        async with place.gateway(server) as gateway:
            answer = await gateway.complete(TEXT, custom_id="mine")
    job, item = place.live_job(), place.trail("mine").item
    assert (answer.output, answer.tier, answer.model, answer.attempts) == ({"total": 9}, "cheap", "small", 1)
    assert answer.cost_usd == Decimal(item.cost_nano_usd) / 10**9 > 0
    assert (answer.job, answer.position, answer.custom_id, answer.needs_review) == (job.name, 1, "mine", False)
    assert job.name.startswith("live-totals-")
    assert (item.state, job.state, job.items_total, job.items_done) == (ItemState.DONE, JobState.DONE, 1, 1)
    assert [tier.queued for tier in progress.read(place.ledger, job.name).tiers] == [0, 0]


async def test_a_rule_sends_an_item_straight_up_by_its_hint(place: Place) -> None:
    """The cheap model is never called for it."""
    with loopback({"small": answering(RIGHT), "large": answering(RIGHT)}) as server:
        async with place.gateway(server) as gateway:
            answer = await gateway.complete(TEXT, hints={"user": "gold"})
        assert server.server.ledger.answered == {"large": 1}
    assert (answer.tier, answer.model, answer.attempts) == ("expensive", "large", 1)
    assert [(decision.layer, decision.rule) for decision in place.trail(answer.custom_id).decisions] == [
        ("rule", "gold")
    ]


async def test_a_failed_verdict_escalates_at_once(place: Place) -> None:
    """The caller waits for the expensive answer, and pays for both."""
    with loopback({"small": answering(WRONG), "large": answering(RIGHT)}) as server:
        async with place.gateway(server) as gateway:
            answer = await gateway.complete(TEXT)
    assert (answer.tier, answer.model, answer.attempts) == ("expensive", "large", 2)
    assert [call.outcome for call in place.trail(answer.custom_id).attempts] == ["rejected", "accepted"]


async def test_an_item_that_no_tier_answers_raises_with_its_best_output(place: Place) -> None:
    """The error names the failed checks and the item, and the gateway goes on."""
    with loopback({"small": answering(WRONG), "large": answering(WRONG)}) as server:
        async with place.gateway(server) as gateway:
            with pytest.raises(AnswerRejectedError, match="grounding total") as rejected:
                await gateway.complete(TEXT, custom_id="bad")
    error = rejected.value
    assert (error.custom_id, error.job, error.fail_reason) == ("bad", place.live_job().name, "verdict")
    assert error.rejected_output == {"total": 4711}
    assert "cheapfirst show bad" in error.hint
    assert place.trail("bad").item.fail_reason is FailReason.VERDICT


async def test_many_calls_at_once_share_one_job(place: Place) -> None:
    """A hundred callers get their own answers; every item is counted once."""
    engine = answering(lambda document: f'{{"total": {document.split()[-1]}}}')
    with loopback({"small": engine}) as server:
        async with place.gateway(server) as gateway:
            answers = await asyncio.gather(*(gateway.complete(f"TOTAL {number}") for number in range(100)))
    assert [answer.output["total"] for answer in answers] == list(range(100))
    assert sorted(answer.position for answer in answers) == list(range(1, 101))
    job = place.live_job()
    assert (job.state, job.items_done, job.reserved_nano_usd) == (JobState.DONE, 100, 0)
    assert job.cost_nano_usd == sum(answer.cost_usd for answer in answers) * 10**9


async def test_trouble_to_the_end_abandons_the_item(place: Place) -> None:
    """No worker ever calls for an answer that nobody waits for."""
    with loopback({"small": answering(RIGHT)}, faults=FaultPlan({Fault.SERVER_ERROR: 1.0})) as server:
        async with place.gateway(server) as gateway:
            with pytest.raises(ProviderTroubleError, match=r"late of live-totals-\w+ had no answer within 6 s") as late:
                await gateway.complete(TEXT, custom_id="late", timeout_s=6)
    assert late.value.trouble in {Trouble.OVERLOADED, Trouble.CIRCUIT_OPEN}
    item, job = place.trail("late").item, place.live_job()
    assert (item.state, item.fail_reason, item.in_flight) == (ItemState.FAILED, FailReason.ABANDONED, False)
    assert (job.state, job.items_failed) == (JobState.DONE, 1)
    assert [tier.queued for tier in progress.read(place.ledger, job.name).tiers] == [0, 0]


async def test_a_call_that_is_answered_too_late_is_recorded_all_the_same(place: Place) -> None:
    """What was paid for is on the bill, and its answer in the ledger."""
    with loopback({"small": answering(RIGHT)}, Latency(0.5)) as server:
        async with place.gateway(server) as gateway:
            with pytest.raises(ProviderTroubleError) as late:
                await gateway.complete(TEXT, custom_id="late", timeout_s=0.2)
    assert late.value.trouble is Trouble.TIMEOUT
    item = place.trail("late").item
    assert (item.state, item.attempts) == (ItemState.DONE, 1)
    assert item.cost_nano_usd > 0


async def test_a_cancelled_caller_leaves_no_item_behind(place: Place) -> None:
    """The call under way is finished; the tier above is not asked any more."""
    asked = threading.Event()
    with loopback({"small": telling(asked, WRONG), "large": answering(RIGHT)}, Latency(0.3)) as server:
        async with place.gateway(server) as gateway:
            asking = asyncio.create_task(gateway.complete(TEXT, custom_id="gone"))
            await asyncio.to_thread(asked.wait)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        assert server.server.ledger.answered == {"small": 1}
    item = place.trail("gone").item
    assert (item.fail_reason, item.attempts) == (FailReason.ABANDONED, 1)


async def test_a_budget_that_is_used_up_stops_the_live_job(place: Place) -> None:
    """The error says so, nothing is called, and the next caller is told at once."""
    with loopback({"small": answering(RIGHT)}) as server:
        async with place.gateway(server, budget={"usd": 0.000001}) as gateway:
            for custom_id in ("first", "second"):
                with pytest.raises(JobStoppedError, match="is stopped") as stopped:
                    await gateway.complete(TEXT, custom_id=custom_id)
                assert "cheapfirst retry live-totals-" in stopped.value.hint
        assert not server.server.ledger.answered
    assert place.live_job().stop_reason is StopReason.BUDGET
    assert place.trail("first").item.fail_reason is FailReason.ABANDONED
    with pytest.raises(NotFoundError):
        place.trail("second")


async def test_an_item_that_its_own_budget_does_not_pay_for_is_told_as_that(place: Place) -> None:
    """The live job goes on."""
    with loopback({"small": answering(RIGHT)}) as server:
        async with place.gateway(server, budget={"per_item_usd": 0.000001}) as gateway:
            with pytest.raises(JobStoppedError, match="No budget pays"):
                await gateway.complete(TEXT)
    assert place.live_job().state is JobState.DONE


@pytest.mark.parametrize("budget", [{"usd": 0.001}, {"per_item_usd": 0.001}])
async def test_a_budget_is_held_by_the_prompt_as_it_is_sent(place: Place, budget: dict[str, Any]) -> None:
    """A template that repeats the document costs more than the document tells; nothing is called."""
    prompt = {"system": "", "user": "{{ text }}" * 6}
    with loopback({"small": answering(RIGHT)}) as server:
        async with place.gateway(server, max_output_tokens=5, prompt=prompt, budget=budget) as gateway:
            with pytest.raises(JobStoppedError):
                await gateway.complete(TEXT * 100)
        assert not server.server.ledger.answered


async def test_a_budget_is_held_whichever_model_answers(place: Place) -> None:
    """What pays for the model and not for its fallback pays for no call."""
    spec = {"provider": "openai", "timeout_s": 2}
    with loopback({"large": answering(RIGHT)}) as server:
        nobody = {"base_url": "http://127.0.0.1:9/v1", "price": {"input": 1, "output": 10}, "fallback": ["large"]}
        dear = {"base_url": server.base_url, "price": {"input": 1000, "output": 10000}}
        models = {"small": spec | {"model": "small"} | nobody, "large": spec | {"model": "large"} | dear}
        budget = {"usd": 0.005}
        async with place.gateway(server, {"models": models}, max_output_tokens=5, budget=budget) as gateway:
            with pytest.raises(JobStoppedError):
                await gateway.complete(TEXT)
        assert not server.server.ledger.answered


async def test_what_is_held_out_is_measured_behind_the_callers_back(place: Place) -> None:
    """The accepted answer comes first; closing waits for the measurement."""
    with loopback({"small": answering(RIGHT), "large": answering('{"total": 9.00}')}) as server:
        async with place.gateway(server, rollout={"holdout": 100}) as gateway:
            answer = await gateway.complete(TEXT)
        assert server.server.ledger.answered == {"small": 1, "large": 1}
    assert (answer.tier, answer.model, answer.attempts) == ("cheap", "small", 1)
    trail = place.trail(answer.custom_id)
    assert (trail.item.state, trail.item.tier) == (ItemState.DONE, "cheap")
    assert [call.holdout for call in trail.attempts] == [False, True]


async def test_a_custom_id_is_used_once(place: Place) -> None:
    """The second caller is told, and its item leaves no trace."""
    with loopback({"small": answering(RIGHT)}) as server:
        async with place.gateway(server) as gateway:
            await gateway.complete(TEXT, custom_id="one")
            with pytest.raises(JobConflictError, match="custom_id"):
                await gateway.complete(TEXT, custom_id="one")
    job = place.live_job()
    assert (job.items_total, job.state) == (1, JobState.DONE)


async def test_a_job_that_a_person_cancelled_takes_no_items(place: Place) -> None:
    """Asking again does not bring it back; `cheapfirst retry` does."""
    with loopback({"small": answering(RIGHT)}) as server:
        async with place.gateway(server) as gateway:
            await gateway.complete(TEXT)
            job = place.live_job()
            jobs.resume(place.ledger, job.id)
            live_items.add(place.ledger, job.id, NewItem("waits", "cheap", TEXT, "{}", None, None))
            assert jobs.cancel(place.ledger, job.id)
            with pytest.raises(JobStoppedError, match="is cancelled"):
                await gateway.complete(TEXT)
            assert jobs.resume(place.ledger, job.id)
            assert (await gateway.complete(TEXT)).output == {"total": 9}


@pytest.mark.parametrize("halt", [cancel_job, pause_job])
async def test_a_live_job_is_halted_between_two_items(place: Place, halt: Callable[[Database, int], bool]) -> None:
    """It is done then, and nothing is asked for it afterwards: neither here nor by another gateway."""
    with loopback({"small": answering(RIGHT)}) as server:
        async with place.gateway(server) as gateway:
            await gateway.complete(TEXT)
            job = place.live_job()
            assert job.state is JobState.DONE
            assert await asyncio.to_thread(halt, place.ledger, job.id)
            for asked in (gateway, place.gateway(server)):
                with pytest.raises(JobStoppedError, match=r"is (cancelled|paused)"):
                    await asked.complete(TEXT)
                await asked.aclose()
            assert server.server.ledger.answered["small"] == 1
            assert jobs.resume(place.ledger, job.id)
            assert place.live_job().state is JobState.DONE
            async with place.gateway(server) as resumed:
                assert (await resumed.complete(TEXT)).output == {"total": 9}


async def test_a_key_that_is_refused_stops_the_live_job(place: Place) -> None:
    """The error carries the provider's reason."""
    with loopback({"other": answering(RIGHT)}) as server:
        async with place.gateway(server) as gateway:
            with pytest.raises(JobStoppedError, match=r"models\.small"):
                await gateway.complete(TEXT)
    assert place.live_job().stop_reason is StopReason.PROVIDER_REFUSED


async def test_the_same_task_goes_on_in_the_same_job(place: Place) -> None:
    """Another process, or the same one later, adds to it; a changed task has one of its own."""
    with loopback({"small": answering(RIGHT)}) as server:
        for _ in range(2):
            gateway = place.gateway(server)
            answer = await gateway.complete(TEXT)
            await gateway.aclose()
        assert (answer.position, place.live_job().items_total) == (2, 2)
        async with place.gateway(server, max_output_tokens=99) as gateway:
            assert (await gateway.complete(TEXT)).job != answer.job


async def test_what_a_worker_answers_is_the_answer(place: Place) -> None:
    """An item that is not ours to claim is waited for."""
    asked = threading.Event()
    with loopback({"small": telling(asked, RIGHT)}, Latency(0.2)) as server:
        async with place.gateway(server) as gateway, place.gateway(server) as other:
            first = asyncio.create_task(gateway.complete(TEXT, custom_id="shared"))
            await asyncio.to_thread(asked.wait)
            assert claim(place.ledger, place.live_job().id, [1]) is None
            assert (await other.complete(TEXT)).position == 2
            assert (await first).position == 1


@pytest.mark.parametrize(
    ("text", "hints", "custom_id", "told"),
    [("a\0b", {}, None, "NUL"), ("a", {"x": "\ud800"}, None, "Unicode"), ("a", {}, " ", "blank")],
)
async def test_what_no_ledger_can_hold_is_refused(
    place: Place, text: str, hints: dict[str, str], custom_id: str | None, told: str
) -> None:
    """Before anything is written down."""
    with loopback({"small": answering(RIGHT)}) as server:
        async with place.gateway(server) as gateway:
            with pytest.raises(UsageError, match=told):
                await gateway.complete(text, hints, custom_id=custom_id)
            with pytest.raises(UsageError, match="JSON"):
                await gateway.complete("a", {"x": {1, 2}})  # type: ignore[dict-item]
    assert place.live_job().items_total == 0


async def test_what_a_killed_process_reserved_comes_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway needs no worker beside it for that."""
    monkeypatch.setattr(live_upkeep, "WATCH_S", 0.05)
    with loopback({"small": answering(RIGHT)}) as server:
        async with place.gateway(server, budget={"usd": 1}) as gateway:
            await gateway.complete(TEXT)
            job = place.live_job()
            live_items.add(place.ledger, job.id, NewItem("lost", "cheap", TEXT, "{}", None, None))
            assert claim(place.ledger, job.id, [2], lease_ms=1000, bound=7)
            assert place.live_job().reserved_nano_usd == 7
            async with asyncio.timeout(20):
                while place.live_job().reserved_nano_usd:  # noqa: ASYNC110 - another thread's write tells nobody
                    await asyncio.sleep(0.05)
    assert not place.trail("lost").item.in_flight


async def test_a_claim_that_came_too_late_costs_no_call(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that was lost by the time its claim is known is claimed again, and called once."""
    lost: list[int] = []

    def lose() -> None:
        if lost:
            return
        with place.ledger.write() as connection:
            connection.exec_driver_sql("UPDATE items SET lease_until_ms = 0")
        lost.extend(position for _, position in sweeping.release_expired(place.ledger).requeued["cheap"])
        threading.Event().wait(0.7)  # until its lease of a second is in doubt

    let_claims_come_late(monkeypatch, lose)
    with loopback({"small": answering(RIGHT)}) as server:
        async with place.gateway(server, {"workers": {"lease_s": 1}}) as gateway:
            assert (await gateway.complete(TEXT)).output == {"total": 9}
        assert (len(lost), server.server.ledger.answered) == (1, {"small": 1})


async def test_calls_are_told_to_a_collector(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a worker's are, once they are in the ledger."""
    told = Collected()
    monkeypatch.setattr("producer.live_services.open_telemetry", lambda settings, models: told)
    with loopback({"small": answering(WRONG), "large": answering(RIGHT)}) as server:
        async with place.gateway(server) as gateway:
            await gateway.complete(TEXT)
    assert [call.model for record in told.records for call in record.attempts] == ["small", "large"]
    assert told.is_closed


async def test_a_wrong_task_is_told_when_it_is_opened(place: Place) -> None:
    """As the command line tells it; nothing is left open."""
    with pytest.raises(UsageError, match="There is no task"):
        await Gateway(place.folder / "nothing", settings=place.settings).complete(TEXT)
    with loopback({"small": answering(RIGHT)}) as server:
        model = {
            "provider": "openai",
            "model": "m",
            "api_key": "env:NO_SUCH_KEY_HERE",
            "price": {"input": 1, "output": 1},
        }
        keyed = {"small": model, "large": model}
        with pytest.raises(UsageError, match="NO_SUCH_KEY_HERE"):
            await place.gateway(server, {"models": keyed}).complete(TEXT)
        gateway = place.gateway(server)
        await gateway.aclose()
        with pytest.raises(UsageError, match="closed"):
            await gateway.complete(TEXT)


async def test_the_first_tasks_engines_are_started_and_stopped(tmp_path: Path) -> None:
    """What `cheapfirst init` writes is answered without a key, and no ledger or broker is configured."""
    from producer.cli.init import init

    init(tmp_path / "first")
    settings = Settings.model_construct(home=tmp_path / "home", ledger=None, redis_url=None, deployment=None)
    async with Gateway(
        tmp_path / "first" / "invoices", tmp_path / "first" / "cheapfirst.yaml", settings=settings
    ) as gateway:
        answer = await gateway.complete("Supplier 1 Ltd\nInvoice no. N-1\nTotal 1.50\n")
    assert answer.output["total"] == 1.5
