"""Keys, passwords and the text of documents stay where they belong, whatever goes wrong on the way."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.hostile.canary_job import CanaryJob, canary_job
from tests.support.canaries import Canaries, found
from tests.support.echoing_provider import FAILURES
from tests.support.postgres_server import PostgresServer

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("one job for all of them"),  # at work for about half a minute of its own
]

ANSWERS = {"right value", "another value", "wrong value"}
DISAGREEMENT = {"right value", "another value", "id"}
"""What a report shows side by side where two tiers' answers differ."""
PLACES: dict[str, tuple[bytes, set[str]]] = {
    # What shows that the place was looked into, and the words of documents and answers that are meant to be there.
    "ledger": (b"canaries", {"text", "metadata", "prompt", "label", "id"} | ANSWERS),
    "show": (b"grounding", {"text", "metadata", "label", "id", "right value", "another value", "wrong value"}),
    "results": (b"custom_id", {"id"} | ANSWERS),
    "report --json": (b"disagreements", DISAGREEMENT),
    "report --html": (b"<html", DISAGREEMENT),
    "items": (b"hopeless", {"id"}),
    "log": (b"verdict_failed", {"id"}),
    "route": (b"expensive", {"id"}),
    "report": (b"expensive", set()),
    "report --md": (b"expensive", set()),
    "check": (b"model large: answers", set()),
    "submit": (b"canaries", set()),
    "status": (b"refused the call with status 401", set()),
    "jobs": (b"refused", set()),
    "rollout": (b"canaries", set()),
    "db upgrade": (b"was upgraded", set()),
    "a fault": (b"This program is at fault", set()),
    "home": (b"ProgrammingError", set()),
    "log of worker": (b"WorkerFaultError", set()),
    "log of Flower": (b"Flower is at", set()),
    "Flower": (b"WorkerFaultError", set()),
    "Redis memory": (b"_kombu.binding", set()),
    "Redis files": (b"REDIS0", set()),
    "Redis commands": (b"BRPOP", set()),
    "messages and events": (b"WorkerFaultError", set()),
    "process lists": (b"workers.process", set()),
    "spans": (b"chat small", set()),
}


@pytest.fixture(scope="module")
def job(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanaryJob]:
    """A job that has ended, and all that was written or sent meanwhile."""
    with canary_job(tmp_path_factory.mktemp("canaries"), postgres_server) as ended:
        yield ended


def test_every_place_was_looked_into(job: CanaryJob) -> None:
    """Each holds what only its own kind would, and the provider was sent keys, documents and prompts."""
    assert set(job.places) == set(PLACES)
    assert [place for place, (mark, _) in PLACES.items() if mark not in job.places[place]] == []
    sent = {"key of small", "key of large", "text", "metadata", "prompt", *ANSWERS}
    assert set(found(bytes(job.provider.received), job.canaries.all)) == sent


@pytest.mark.parametrize("place", PLACES)
def test_no_key_and_no_password_is_anywhere(job: CanaryJob, place: str) -> None:
    """Of providers, Redis, the database and Flower, in any encoding."""
    assert found(job.places[place], job.canaries.secret) == []


@pytest.mark.parametrize("place", PLACES)
def test_words_of_documents_are_where_they_are_meant_to_be_only(job: CanaryJob, place: str) -> None:
    """Texts, metadata, labels and prompts in the ledger, and in the story of one item; answers in results too."""
    words = job.canaries.of_documents | job.canaries.of_answers
    assert set(found(job.places[place], words)) == PLACES[place][1]


def test_whatever_could_go_wrong_did(job: CanaryJob) -> None:
    """Calls failed in each way, a worker was killed, the ledger refused a claim, and each document has its result."""
    tried_again = [case for case in FAILURES if job.provider.calls["small", case] < 2]
    refused = [case for case in ("bad_request", "long", "moved", "key") if not job.provider.calls["small", case]]
    assert (tried_again, refused) == ([], [])
    told = job.places["log"].decode()
    assert [word for word in ("refused", "overloaded", "verdict_failed") if word not in told] == []
    assert "ended with status -9" in job.places["log of worker"].decode()
    ended = json.loads(job.places["report --json"].decode().partition("\n\n")[0])["items"]
    assert (ended["total"], ended["done"] + ended["failed"]) == (len(job.ids) + 1, len(job.ids) + 1)


@pytest.mark.parametrize("before", [b"", b"x", b"xy", b"xyz"])
def test_the_search_sees_through_encodings(before: bytes) -> None:
    """A word is found as it is, in base64 of more, in hexadecimal, percent-encoded, and in UTF-16."""
    canaries = Canaries.draw()
    word = canaries.secret["key of small"]
    message = json.dumps({"body": base64.b64encode(before + word.encode() + b"after").decode()}).encode()
    for data in (
        before + word.encode(),
        message,
        word.encode().hex().encode(),
        word.encode("utf-16"),
        quote(word).encode(),
    ):
        assert found(data, canaries.secret) == ["key of small"]
    assert found(word[:-1].encode() + before, canaries.all) == []
