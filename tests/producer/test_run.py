from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from producer.run import check_workers
from routing.errors import ServiceUnreachableError

if TYPE_CHECKING:
    from pathlib import Path


def test_workers_that_end_as_soon_as_they_start_end_the_run(tmp_path: Path) -> None:
    """The last line of their log is told, and where the rest of it is."""
    (tmp_path / "worker-expensive.log").write_text("first\ncheapfirst: no such thing.\n")
    with pytest.raises(ServiceUnreachableError, match="as they start: cheapfirst: no such thing") as error:
        check_workers({"cheap": 0, "expensive": 3}, tmp_path)
    assert str(tmp_path / "worker-expensive.log") in error.value.hint


def test_a_worker_that_is_replaced_is_no_reason_to_end_the_run(tmp_path: Path) -> None:
    """One that came up starts a new count."""
    check_workers({"cheap": 2, "expensive": 0}, tmp_path)
