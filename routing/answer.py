r"""A model's text becomes one JSON object, or one failure that says why not. The text is hostile input; nothing raises.

What is tried, in this order; each outcome is listed in `docs/checks.md`:

1. the whole text is strict JSON;
2. one JSON object stands in it, within markdown fences or prose;
3. that object, with raw line ends inside its strings (flagged as repaired);
4. that object, with backslashes that escape nothing (`\(`, `C:\Users`) taken for themselves (flagged as repaired);
5. what the json-repair library makes of it (flagged as repaired), within a bound of work.

An answer cut off at the token limit is read only by the first step, because mending drops what is missing silently.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import json_repair

from routing.completion import FinishReason
from routing.immutable import immutable
from routing.strict_json import (
    JsonSyntaxError,
    UnstorableJsonError,
    check_storable,
    count_keys,
    count_written_keys,
    read_json,
    read_json_at,
)
from routing.verdict import CheckName, Failure

if TYPE_CHECKING:
    from routing.json_value import JsonObject, JsonValue

MAX_ANSWER_CHARS = 262_144
# json-repair's time grows with brackets times characters: 2.4 us each where all brackets stay open (0.64, measured).
MAX_REPAIR_WORK = 100_000

_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
_START = re.compile(r'(?:\[\s*)?\{\s*["}]')  # an object, or a list of objects
_BROKEN_START = re.compile(r"""\{\s*["'\u201c]?\w{1,100}["'\u201d]?\s*:""")
_ESCAPE = re.compile(r'\\(?P<known>["\\/bfnrtu]?)')


@immutable
class ParsedAnswer:
    """The object in an answer, or why there is none. `failures` is empty exactly where there is an output.

    `start` is the offset in the answer at which the object's JSON begins; None where that was changed to read it.
    """

    output: JsonObject | None
    failures: tuple[Failure, ...] = ()
    repaired: bool = False
    start: int | None = None


def parse_answer(text: str, finish_reason: FinishReason) -> ParsedAnswer:
    """Read the JSON object of an answer. Never raises."""
    if finish_reason is FinishReason.REFUSAL:
        return _failed("the model declined to answer")
    if len(text) > MAX_ANSWER_CHARS:
        return _failed(f"the answer is longer than {MAX_ANSWER_CHARS} characters")
    if not text.strip(f" \t\r\n{_BYTE_ORDER_MARK}"):
        return _failed("the answer is empty")
    if "\0" in text:
        return _failed("the answer holds a NUL character")
    try:
        return _parse(text, finish_reason)
    except UnstorableJsonError as error:
        return _failed(f"the answer cannot be kept: {error}")


def _failed(reason: str) -> ParsedAnswer:
    return ParsedAnswer(None, (Failure(CheckName.PARSE, "", reason),))


def _parse(text: str, finish_reason: FinishReason) -> ParsedAnswer:
    bare = text.removeprefix(_BYTE_ORDER_MARK)
    try:
        value = read_json(bare)
    except JsonSyntaxError:
        if finish_reason is FinishReason.LENGTH:
            return _failed("the answer was cut off at the token limit")
        return _find_object(text)
    return _object(value, start=text.find("{"))


def _object(value: JsonValue, start: int | None, *, repaired: bool = False) -> ParsedAnswer:
    if not isinstance(value, dict):
        return _failed("the answer is JSON, but not an object")
    return ParsedAnswer(value, repaired=repaired, start=start)


def _find_object(text: str) -> ParsedAnswer:
    """Find the one object within fences or prose; a broken one ends the search, for its inner objects are no answer."""
    found: ParsedAnswer | None = None
    position = 0
    while match := _START.search(text, position):
        try:
            answer, position = _read_at(text, match.start())
        except JsonSyntaxError:
            break
        if found is not None and found.output != answer.output:
            return _failed("the answer holds more than one JSON object")
        found = answer
    return found or _repair(text, position)


def _read_at(text: str, start: int) -> tuple[ParsedAnswer, int]:
    try:
        value, end = read_json_at(text, start)
    except JsonSyntaxError:
        value, end = read_json_at(text, start, control_characters=True)
        return _object(value, start, repaired=True), end
    return _object(value, start), end


def _repair(text: str, position: int) -> ParsedAnswer:
    match = _BROKEN_START.search(text, position)
    if match is None:
        return _failed("the answer holds no JSON object")
    broken = text[match.start() : text.rfind("}") + 1]
    if not broken:
        return _failed("the answer ends before its JSON object does")
    mended = _ESCAPE.sub(lambda escape: escape.group() if escape["known"] else r"\\", broken)
    try:
        value, _ = read_json_at(mended, 0, control_characters=True)
    except JsonSyntaxError:
        return _repair_freely(broken)
    return _repaired(value, broken)


def _repair_freely(broken: str) -> ParsedAnswer:
    if len(broken) * sum(map(broken.count, "{[(")) > MAX_REPAIR_WORK:
        return _failed("the answer's JSON is broken, and too long to repair")
    try:
        value: JsonValue = json_repair.loads(broken, skip_json_loads=True)
    except ValueError:
        return _failed("the answer's JSON is broken beyond repair")
    check_storable(value)
    return _repaired(value, broken)


def _repaired(value: JsonValue, broken: str) -> ParsedAnswer:
    """Take a repair that kept every key; json-repair takes the last of two, and may stop at the first object."""
    if count_keys(value) < count_written_keys(broken):
        return _failed("the answer's JSON is broken, and repairing it would lose keys")
    return _object(value, None, repaired=True)
