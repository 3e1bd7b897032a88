"""The recorded sets of real models, which are kept beside the project."""

from __future__ import annotations

import json
import os
from itertools import islice
from pathlib import Path
from typing import Any

from tests.support.services import missing

DATA = Path(os.environ.get("CHEAPFIRST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def recorded_rows(name: str, count: int) -> list[dict[str, Any]]:
    """Return a set's first rows."""
    file = DATA / name
    if not file.is_file():
        missing(f"The recorded set {file}", "set CHEAPFIRST_DATA to the folder that holds it")
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in islice(lines, count)]
