"""What every test of the fault suite gets: a trial, and the services its faults are played on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.faults.scene import Scene
from tests.faults.trial import Trial, append_line


@pytest.fixture
def trial(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Trial:
    """The size and the seed of this test, and where its findings go."""
    seed: int = request.config.option.fault_seed
    file: Path | None = request.config.option.fault_findings

    def tell(line: Any) -> None:  # noqa: ANN401 - JSON
        record_property("findings", json.dumps(line))
        if file is not None:
            append_line(file, line)

    test = request.node.nodeid
    full = request.config.option.faults == "full"
    return Trial(test, seed, full, Random(f"{seed} {test}"), tell)


@pytest.fixture
def make_scene(tmp_path: Path, postgres_url: str) -> Iterator[Callable[..., Scene]]:
    """Sets scenes; whatever runs in them ends with the test."""
    with ExitStack() as scenes:
        yield lambda **settings: scenes.enter_context(Scene(tmp_path, postgres_url, **settings))
