"""What comes of items in a worker: real ledgers, real HTTP, engines that answer as the test says."""

from __future__ import annotations

import json
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from aiohttp import web

from evaluation.model_server.engine import Engine
from evaluation.model_server.faults import Fault, FaultPlan
from evaluation.model_server.server import Latency, ModelServer
from evaluation.model_server.wire import BadRequestError
from gateway.gateway import COMPARISONS, MAX_TRIES
from routing.errors import ServiceUnreachableError
from routing.task import AgreementSpec, ChecksSpec, FrozenTask, JsonSchema, PydanticSchema, TierSpec
from storage import jobs, progress, results
from storage.database import Database
from storage.states import AttemptOutcome, FailReason, ItemState, JobState, StopReason
from tests.support.engine_room import EngineRoom, engine_room
from tests.support.ledgers import TIERS
from tests.support.loopback import answering, loopback

SCHEMA = {
    "type": "object",
    "properties": {"total": {"type": "number"}},
    "required": ["total"],
    "additionalProperties": False,
}
TASK = FrozenTask(
    name="totals",
    output=JsonSchema(json_schema=SCHEMA),
    tiers=(
        TierSpec(name="cheap", model="small", system="Extract.", user="{{ text }}"),
        TierSpec(name="expensive", model="large", system="Extract with care.", user="{{ text }}"),
    ),
    checks=ChecksSpec(grounded=("total",)),
)
RIGHT = '{"total": 9}'
WRONG = '{"total": 4711}'


def _job(
    database: Database, count: int = 1, task: FrozenTask = TASK, *, budget: int | None = None, item: int | None = None
) -> int:
    job = jobs.create(
        database,
        name=uuid.uuid4().hex,
        task=task,
        content_hash="c",
        items_total=count,
        budget=budget,
        item_budget=item,
    )
    items = [jobs.NewItem(f"doc-{n}", "cheap", f"number {n} TOTAL 9.00", "{}", None, None) for n in range(count)]
    jobs.add_items(database, job.id, 1, items)
    jobs.open_job(database, job.id, TIERS)
    return job.id


@contextmanager
def at_work(
    ledger: Database,
    engines: dict[str, Engine],
    latency: Latency | None = None,
    *,
    faults: FaultPlan | None = None,
    limit: int = 20,
    timeout_s: float = 5,
) -> Iterator[tuple[ModelServer, EngineRoom]]:
    """Run the engine against a server of these engines; `large` answers as `small` where it is not given."""
    with loopback({"large": engines.get("small", answering(RIGHT))} | engines, latency, faults) as server:
        names = {name: name for name in ("small", "large", *engines)}
        with engine_room(ledger, server.deployment(timeout_s=timeout_s, **names), limit) as room:
            yield server.server, room


def _trouble() -> str:
    raise web.HTTPServiceUnavailable


def _run_now(ledger: Database, room: EngineRoom, job: int, position: int = 1) -> None:
    """Run an item of a job, however long it was to wait."""
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE items SET available_ms = 0")
    assert room.pipeline.run_chunk("cheap", job, [position]) == 1


def test_an_output_that_passes_ends_its_item(ledger: Database) -> None:
    """The cheap tier's answer is checked, priced and kept."""
    with (
        loopback({"small": answering(RIGHT)}) as server,
        engine_room(ledger, server.deployment()) as room,
    ):
        job = _job(ledger, 3)
        assert room.pipeline.run_chunk("cheap", job, [1, 2, 3]) == 3
    trail = results.trail(ledger, job, "doc-1")
    assert (trail.item.state, trail.item.output) == (ItemState.DONE, '{"total":9}')
    (call,) = trail.attempts
    assert (call.model, call.layer, call.cause, call.outcome) == ("small", "default", "first_tier", "accepted")
    assert call.cost_nano_usd == call.input_tokens * 1000 + call.output_tokens * 10_000 > 0
    assert json.loads(call.spans)["total"]
    assert trail.item.baseline_nano_usd > 0
    assert jobs.find(ledger, str(job)).state == JobState.DONE


def test_a_failed_verdict_hands_the_item_on_with_its_reasons(ledger: Database) -> None:
    """It waits in the next tier before it is published there, and the reasons stay with the attempt."""
    with (
        loopback({"small": answering(WRONG), "large": answering(RIGHT)}) as server,
        engine_room(ledger, server.deployment()) as room,
    ):
        job = _job(ledger)
        room.pipeline.run_chunk("cheap", job, [1])
        assert results.trail(ledger, job, "1").item.tier == "expensive"
        assert room.pipeline.run_chunk("expensive", job, [1]) == 1
    assert room.published.keys == {"expensive": [(job, 1)]}
    cheap, expensive = results.trail(ledger, job, "1").attempts
    assert cheap.outcome == AttemptOutcome.REJECTED
    assert json.loads(cheap.failures)[0]["check"] == "grounding"
    assert (expensive.layer, expensive.cause, expensive.outcome) == ("escalation", "verdict_failed", "accepted")
    assert progress.failures(ledger, job)[0].field == "total"


def test_the_last_tiers_failure_keeps_its_best_output(ledger: Database) -> None:
    """A person gets what there is, and why it was not accepted."""
    with (
        loopback({"small": answering(WRONG), "large": answering(WRONG)}) as server,
        engine_room(ledger, server.deployment()) as room,
    ):
        job = _job(ledger)
        room.pipeline.run_chunk("cheap", job, [1])
        room.pipeline.run_chunk("expensive", job, [1])
    item = results.trail(ledger, job, "1").item
    assert (item.state, item.fail_reason, item.output) == (ItemState.FAILED, FailReason.VERDICT, '{"total":4711}')
    assert json.loads(item.failures or "")[0]["check"] == "grounding"


def test_a_message_delivered_twice_calls_once(ledger: Database) -> None:
    """Duplicates cost nothing, though they come at the same moment."""
    engines = {"small": answering(RIGHT)}
    with at_work(ledger, engines, Latency(0.1)) as (server, room), ThreadPoolExecutor(3) as pool:
        job = _job(ledger, 4)
        done = list(pool.map(lambda _: room.pipeline.run_chunk("cheap", job, [1, 2, 3, 4]), range(3)))
        assert sum(done) == 4
        assert server.ledger.answered == {"small": 4}


def test_provider_trouble_is_no_escalation(ledger: Database) -> None:
    """The item stays in its tier, rests, and keeps its tries; the attempt is written down unpaid."""
    faults = FaultPlan({Fault.SERVER_ERROR: 1.0})
    engines = {"small": answering(RIGHT)}
    with at_work(ledger, engines, faults=faults, timeout_s=0.2) as (_, room):
        job = _job(ledger)
        room.pipeline.run_chunk("cheap", job, [1])
    trail = results.trail(ledger, job, "1")
    assert (trail.item.state, trail.item.tier, trail.item.cost_nano_usd) == (ItemState.QUEUED, "cheap", 0)
    assert [(call.outcome, call.trouble) for call in trail.attempts] == [("provider_trouble", "overloaded")]
    assert progress.read(ledger, str(job)).tiers[0].troubles == 1


def test_a_key_that_is_refused_stops_the_job(ledger: Database) -> None:
    """No item can succeed, so none is burnt; the reason names the remedy."""
    with at_work(ledger, {"other": answering(RIGHT)}) as (_, room):
        job = _job(ledger, 2)
        room.pipeline.run_chunk("cheap", job, [1, 2])
    stopped = jobs.find(ledger, str(job))
    assert (stopped.state, stopped.stop_reason) == (JobState.STOPPED, StopReason.PROVIDER_REFUSED)
    assert "models.small" in stopped.stop_detail
    assert stopped.items_open == 2


def test_agreement_asks_a_second_model_and_pays_for_it(ledger: Database) -> None:
    """Where the second opinion differs, the item goes up; both calls are on the bill."""
    checks = ChecksSpec(agreement=AgreementSpec(model="other", fields=("total",), tiers=("cheap",)))
    task = TASK.model_copy(update={"checks": checks})
    engines = {"small": answering(RIGHT), "other": answering('{"total": 8}'), "large": answering(RIGHT)}
    with at_work(ledger, engines) as (_, room):
        job = _job(ledger, task=task)
        room.pipeline.run_chunk("cheap", job, [1])
    trail = results.trail(ledger, job, "1")
    assert trail.item.tier == "expensive"
    assert sorted((call.model, call.outcome.value, call.cause) for call in trail.attempts) == [
        ("other", "opinion", "agreement"),
        ("small", "rejected", "first_tier"),
    ]
    assert trail.item.cost_nano_usd == sum(call.cost_nano_usd for call in trail.attempts)


def test_an_item_that_would_exceed_its_own_budget_is_not_called(ledger: Database) -> None:
    """It fails with that reason, and costs nothing more."""
    with at_work(ledger, {"small": answering(RIGHT)}) as (server, room):
        job = _job(ledger, item=1)
        room.pipeline.run_chunk("cheap", job, [1])
        assert not server.ledger.answered
    assert results.trail(ledger, job, "1").item.fail_reason == FailReason.BUDGET


def test_a_prompt_that_cannot_be_written_fails_its_item_with_the_reason(ledger: Database) -> None:
    """What a document lacks is told once, not tried three times."""
    tier = TierSpec(name="cheap", model="small", system="", user="{{ metadata.shop }} {{ text }}")
    task = TASK.model_copy(update={"tiers": (tier,)})
    with at_work(ledger, {"small": answering(RIGHT)}) as (_, room):
        job = _job(ledger, task=task)
        room.pipeline.run_chunk("cheap", job, [1])
    item = results.trail(ledger, job, "1").item
    assert item.fail_reason == FailReason.PROMPT
    assert "shop" in (item.failures or "")


def test_a_task_that_does_not_compile_here_stops_its_job(ledger: Database) -> None:
    """A schema that needs a package this worker lacks is told, and no item is burnt."""
    output = PydanticSchema(source="import no_such_package\n", class_name="X", json_schema={"type": "object"})
    with at_work(ledger, {"small": answering(RIGHT)}) as (_, room):
        job = _job(ledger, task=TASK.model_copy(update={"output": output}))
        assert room.pipeline.run_chunk("cheap", job, [1]) == 0
    stopped = jobs.find(ledger, str(job))
    assert (stopped.state, stopped.stop_reason) == (JobState.STOPPED, StopReason.TASK_UNUSABLE)
    assert "no_such_package" in stopped.stop_detail


LEAVES = """
import sys
from pydantic import BaseModel, field_validator

class Total(BaseModel):
    total: float

    @field_validator("total")
    @classmethod
    def check(cls, total: float) -> float:
        if total == 4711:
            sys.exit("enough")
        return total
"""


def test_a_schema_that_leaves_costs_its_item_and_not_the_loop(ledger: Database) -> None:
    """What else runs in the process goes on; the item keeps its claim without a record."""
    output = PydanticSchema(source=LEAVES, class_name="Total", json_schema={"type": "object"})
    answers = answering(lambda prompt: WRONG if "number 1 " in prompt else RIGHT)
    with at_work(ledger, {"small": answers}) as (_, room):
        job = _job(ledger, 3, TASK.model_copy(update={"output": output}))
        assert room.pipeline.run_chunk("cheap", job, [1, 2, 3]) == 3
    states = [item.state for item in results.items(ledger, job)]
    assert states == [ItemState.DONE, ItemState.QUEUED, ItemState.DONE]


def test_no_more_calls_are_in_flight_than_the_gate_admits(ledger: Database) -> None:
    """The provider itself never sees more than that at a time."""
    with at_work(ledger, {"small": answering(RIGHT)}, Latency(0.05), limit=3) as (server, room):
        room.pipeline.run_chunk("cheap", _job(ledger, 12), list(range(1, 13)))
        assert server.ledger.most_in_flight == 3


def test_draining_sends_back_what_waits_and_finishes_what_is_called(ledger: Database) -> None:
    """After a drain nothing new is called, and nothing is lost."""
    called = threading.Event()

    def answer(_: str) -> str:
        called.set()
        return RIGHT

    engines = {"small": answering(answer)}
    with at_work(ledger, engines, Latency(0.2), limit=2) as (server, room), ThreadPoolExecutor(1) as pool:
        job = _job(ledger, 8)
        chunk = pool.submit(room.pipeline.run_chunk, "cheap", job, list(range(1, 9)))
        assert called.wait(5)
        room.pipeline.drain()
        chunk.result(5)
        assert room.pipeline.run_chunk("cheap", job, [8]) == 0
        stands = progress.read(ledger, str(job))
        assert stands.job.items_done == sum(server.ledger.answered.values()) < 8
    assert stands.in_flight == 0
    assert stands.tiers[0].queued == 8 - stands.job.items_done


def test_a_cancelled_job_is_not_called_any_further(ledger: Database) -> None:
    """What waits at the gate goes back."""
    engines = {"small": answering(RIGHT)}
    with at_work(ledger, engines, Latency(0.2), limit=1) as (server, room), ThreadPoolExecutor(1) as pool:
        job = _job(ledger, 6)
        chunk = pool.submit(room.pipeline.run_chunk, "cheap", job, list(range(1, 7)))
        while not server.ledger.in_flight:
            threading.Event().wait(0.01)
        jobs.cancel(ledger, job)
        chunk.result(5)
        assert sum(server.ledger.answered.values()) <= 2
    assert jobs.find(ledger, str(job)).state == JobState.CANCELLED


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "not JSON",
        '{"total": NaN}',
        '{"total": "\\u0000"}',
        "[" * 5000,
        "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
    ],
)
def test_hostile_answers_end_in_the_ledger(ledger: Database, answer: str) -> None:
    """Whatever a model says is kept as a rejected attempt."""
    with (
        loopback({"small": answering(answer), "large": answering(answer)}) as server,
        engine_room(ledger, server.deployment()) as room,
    ):
        job = _job(ledger)
        room.pipeline.run_chunk("cheap", job, [1])
        room.pipeline.run_chunk("expensive", job, [1])
    trail = results.trail(ledger, job, "1")
    assert trail.item.state is ItemState.FAILED
    assert [call.outcome for call in trail.attempts] == ["rejected", "rejected"]


def test_failures_are_tallied_by_field_once_for_each_item(ledger: Database) -> None:
    """Whichever line of a list was wrong, and however many: it is one item whose lines failed."""
    lines = {"type": "object", "properties": {"lines": {"type": "array", "items": {"type": "number"}}}}
    task = TASK.model_copy(update={"output": JsonSchema(json_schema=lines), "checks": ChecksSpec()})
    with at_work(ledger, {"small": answering('{"lines": ["a", 1, "b"]}')}) as (_, room):
        job = _job(ledger, task=task)
        room.pipeline.run_chunk("cheap", job, [1])
    (tally,) = progress.failures(ledger, job)
    assert (tally.check, tally.field, tally.count) == ("schema", "lines[*]", 1)


def _refuse(_: str) -> str:
    raise BadRequestError("this document is too long")


def test_a_document_a_model_will_never_take_goes_up_without_a_verdict(ledger: Database) -> None:
    """Too long for one tier may fit the next; the last tier's refusal ends the item."""
    engines = {"small": answering(_refuse), "large": answering(_refuse)}
    with at_work(ledger, engines) as (_, room):
        job = _job(ledger)
        room.pipeline.run_chunk("cheap", job, [1])
        assert results.trail(ledger, job, "1").item.tier == "expensive"
        room.pipeline.run_chunk("expensive", job, [1])
    trail = results.trail(ledger, job, "1")
    assert trail.item.fail_reason == FailReason.REFUSED
    assert sorted((call.cause, call.outcome.value) for call in trail.attempts) == [
        ("call_refused", "refused"),
        ("first_tier", "refused"),
    ]


def test_a_second_opinion_that_does_not_come_keeps_what_was_paid(ledger: Database) -> None:
    """The first answer is on the bill, and the item waits in its tier."""
    checks = ChecksSpec(agreement=AgreementSpec(model="other", fields=("total",), tiers=("cheap",)))
    faulty = {"small": answering(RIGHT), "other": answering(_refuse)}
    with at_work(ledger, faulty) as (_, room):
        job = _job(ledger, task=TASK.model_copy(update={"checks": checks}))
        room.pipeline.run_chunk("cheap", job, [1])
    trail = results.trail(ledger, job, "1")
    assert trail.item.cost_nano_usd > 0
    assert sorted(call.outcome.value for call in trail.attempts) == ["accepted", "refused"]


def test_a_first_answer_is_not_paid_again_for_a_second_opinion_that_is_late(ledger: Database) -> None:
    """What passed is taken along while the other model is in trouble; the item goes on where it was."""
    checks = ChecksSpec(agreement=AgreementSpec(model="other", fields=("total",), tiers=("cheap",)))
    task = TASK.model_copy(update={"checks": checks})
    troubled = iter([True] * MAX_TRIES)
    engines = {"small": answering(RIGHT), "other": answering(lambda _: _trouble() if next(troubled, False) else RIGHT)}
    with at_work(ledger, engines) as (server, room):
        job = _job(ledger, task=task)
        for _ in range(2):
            _run_now(ledger, room, job)
        assert server.ledger.answered == {"small": 1, "other": 1}
    trail = results.trail(ledger, job, "doc-0")
    assert trail.item.state is ItemState.DONE
    assert sorted(call.outcome.value for call in trail.attempts) == ["accepted", "opinion", "provider_trouble"]


def _without_answers(ledger: Database, room: EngineRoom) -> int:
    """Let the first item of a job have three turns, while the others are answered one after the other."""
    job = _job(ledger, 4)
    for answered_between in (2, 3, 4):
        _run_now(ledger, room, job)
        _run_now(ledger, room, job, answered_between)
    return job


def test_a_document_that_nothing_is_ever_answered_for_goes_up(ledger: Database) -> None:
    """Three turns without an answer, and one more between small calls that all are answered, are a refusal."""
    engines = {"small": answering(lambda text: _trouble() if "number 0 " in text else RIGHT)}
    with at_work(ledger, engines) as (server, room):
        job = _without_answers(ledger, room)
        assert server.ledger.answered == {"small": COMPARISONS + 1 + 3}
    trail = results.trail(ledger, job, "doc-0")
    assert trail.item.tier == "expensive"
    assert [(call.outcome, call.trouble) for call in trail.attempts] == [
        *[("provider_trouble", "overloaded")] * 3,
        ("refused", "overloaded"),
    ]
    assert sum(call.http_calls for call in trail.attempts) == 4 * MAX_TRIES + COMPARISONS + 1
    assert sum(call.cost_nano_usd for call in trail.attempts) == trail.item.cost_nano_usd > 0


def test_the_end_of_an_outage_is_held_against_no_document(sqlite_ledger: Database) -> None:
    """One whose turns all fell into it is asked once more when small calls are answered, and stays in its tier."""
    outage = iter(range(3 * MAX_TRIES))
    engines = {
        "small": answering(lambda text: _trouble() if "number 0 " in text and next(outage, None) is not None else RIGHT)
    }
    with at_work(sqlite_ledger, engines) as (_, room):
        job = _without_answers(sqlite_ledger, room)
    trail = results.trail(sqlite_ledger, job, "doc-0")
    assert (trail.item.state, trail.item.tier) == (ItemState.DONE, "cheap")
    assert [call.outcome for call in trail.attempts] == [*["provider_trouble"] * 3, "accepted"]
    assert trail.attempts[2].cost_nano_usd > 0, "the small calls were paid for"


def test_the_beginning_of_an_outage_is_held_against_no_document(sqlite_ledger: Database) -> None:
    """One that is asked once more just as the provider goes is not refused: no small call is answered after it."""
    answers = iter([*[True] * (2 + COMPARISONS), False])
    engines = {"small": answering(lambda text: _trouble() if "number 0 " in text or not next(answers, True) else RIGHT)}
    with at_work(sqlite_ledger, engines) as (_, room):
        job = _without_answers(sqlite_ledger, room)
    trail = results.trail(sqlite_ledger, job, "doc-0")
    assert (trail.item.state, trail.item.tier) == (ItemState.QUEUED, "cheap")
    assert [call.outcome for call in trail.attempts] == ["provider_trouble"] * 4


def test_a_fault_of_ours_costs_one_item_its_turn(ledger: Database) -> None:
    """The chunk goes on; the item comes back with its lease, and is put aside after three such turns."""
    with at_work(ledger, {"small": answering(RIGHT)}) as (_, room):
        job = _job(ledger, 2)
        with ledger.write() as connection:
            connection.exec_driver_sql("UPDATE documents SET metadata = '{' WHERE position = 1")
        assert room.pipeline.run_chunk("cheap", job, [1, 2]) == 2
    states = {item.position: (item.state, item.in_flight) for item in results.items(ledger, job)}
    assert states == {1: (ItemState.QUEUED, True), 2: (ItemState.DONE, False)}


def test_items_in_hand_wait_while_a_providers_circuit_is_open(ledger: Database) -> None:
    """They are neither called nor given up; a drain sends them back as they were."""
    faults = FaultPlan({Fault.SERVER_ERROR: 1.0})
    with at_work(ledger, {"small": answering(RIGHT)}, faults=faults, timeout_s=0.2) as (_, room):
        job = _job(ledger, 12)
        room.pipeline.run_chunk("cheap", job, list(range(1, 9)))
        with ThreadPoolExecutor(1) as pool:
            chunk = pool.submit(room.pipeline.run_chunk, "cheap", job, [9, 10, 11, 12])
            while not room.pipeline.blocked:
                threading.Event().wait(0.01)
            room.pipeline.drain()
            assert chunk.result(5) == 4
    waiting = [item for item in results.items(ledger, job) if item.position > 8]
    assert [(item.attempts, item.in_flight) for item in waiting] == [(0, False)] * 4


def test_chunks_that_wait_for_the_ledger_tell_so_once(ledger: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Each asks every second; a night without the ledger would fill the log of every worker."""
    with at_work(ledger, {"small": answering(RIGHT)}) as (_, room), ThreadPoolExecutor(3) as threads:
        job, asked, enough = _job(ledger, 3), Counter[int](), threading.Event()

        def unreachable(*_: object) -> int:
            asked[threading.get_ident()] += 1
            if len(asked) == 3 and min(asked.values()) > 1:
                enough.set()
            if not enough.is_set():
                raise ServiceUnreachableError("The ledger cannot be reached.")
            return 0

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(room.pipeline, "_run_claimed", unreachable)
            for chunk in [threads.submit(room.pipeline.run_chunk, "cheap", job, [n]) for n in (1, 2, 3)]:
                assert chunk.result(30) == 0
    assert caplog.text.count("wait for the ledger: The ledger cannot be reached.") == 1
