"""A user's own Python function that compares two values, run from its frozen text.

The file is the user's own code, as trusted as their shell and as a task's pydantic schema.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from routing.errors import InvalidFileError, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from routing.json_value import JsonValue


def load_function(source: str, name: str, file: str) -> Callable[[JsonValue, JsonValue], bool]:
    """Run `source` as a module of its own, and return its function of this name, made safe to call.

    Raises InvalidFileError where the file does not run or has no such function. What the function raises later becomes
    a UsageError that names the file and the line, and no value.
    """
    namespace: dict[str, object] = {"__name__": "cheapfirst_comparators"}
    try:
        exec(compile(source, file, "exec"), namespace)  # noqa: S102  the user's own code, as the task says
    except (Exception, SystemExit) as error:
        line = error.lineno or 0 if isinstance(error, SyntaxError) else _line(error, file)
        message = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InvalidFileError([Problem(file, line, 1 if line else 0, message)]) from error
    function = namespace.get(name)
    if not callable(function):
        raise InvalidFileError([Problem(file, 0, 0, f"it has no function `{name}`", "define it: def same(a, b): ...")])

    def compare(left: JsonValue, right: JsonValue) -> bool:
        try:
            return bool(function(left, right))
        except Exception as error:  # noqa: BLE001 - whatever the user's code raises
            kind, line = type(error).__name__, _line(error, file)
            raise UsageError(f"{file}:{line}: `{name}` raised {kind} on two values it was to compare.") from None

    return compare


def _line(error: BaseException, file: str) -> int:
    lines = [frame.lineno or 0 for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return lines[-1] if lines else 0
