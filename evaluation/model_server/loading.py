"""Loading engines from a file of the user's."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

from routing.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from evaluation.model_server.engine import Engine


def load_engines(path: Path) -> dict[str, Engine]:
    """Return the `ENGINES` a Python file defines. Its folder is importable from it. Raises UsageError."""
    if not path.is_file():
        raise UsageError(f"There is no engines file {path}.")
    sys.path.insert(0, str(path.parent.resolve()))
    specification = importlib.util.spec_from_file_location("cheapfirst_engines", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{path} cannot be loaded: {type(error).__name__}: {error}.") from error
    engines = getattr(module, "ENGINES", None)
    if not isinstance(engines, dict) or not engines:
        raise UsageError(f"{path} defines no `ENGINES`.", "Write ENGINES = {'model-name': function}.")
    return engines
