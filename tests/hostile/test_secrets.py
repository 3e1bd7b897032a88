"""Keys, passwords and the text of documents stay where they belong, whatever goes wrong on the way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.canary_job import CanaryJob, canary_job
from tests.support.canaries import found
from tests.support.postgres_server import PostgresServer

# What each place shows when the search can see into it at all.
pytestmark = pytest.mark.timeout(400)
MARKS: dict[str, bytes] = {
    "log of worker": b"Traceback",
    "log of Flower": b"Visit me",
    "Flower": b"cheap",
    "Redis commands": b"AUTH",
}


@pytest.fixture(scope="module")
def job(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanaryJob]:
    """A job that has ended."""
    with canary_job(tmp_path_factory.mktemp("canaries"), postgres_server) as ended:
        yield ended


def test_explore(job: CanaryJob) -> None:
    """X."""
    import pathlib

    out = pathlib.Path("/tmp/hostile-places")
    out.mkdir(exist_ok=True)
    for place, told in job.places.items():
        (out / place.replace("/", "_")).write_bytes(told)
        print(f"{place:22} {len(told):8} ", found(told, job.canaries.all))
    print(job.provider.calls)
