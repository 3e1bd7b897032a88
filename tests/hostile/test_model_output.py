from __future__ import annotations

import json
import sqlite3
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.answer import MAX_ANSWER_CHARS, MAX_REPAIR_WORK, ParsedAnswer, parse_answer
from routing.completion import FinishReason
from routing.strict_json import MAX_DEPTH
from routing.verdict import CheckName

GOOD = {"company": "ACME", "total": 9.5}
GOOD_TEXT = '{"company": "ACME", "total": 9.5}'
CUT_OFF = "the answer was cut off at the token limit"
DUPLICATE = "the answer cannot be kept: it gives a key twice"
NOT_FINITE = "the answer cannot be kept: it holds NaN, Infinity or a number too large for one"
TOO_LARGE = "the answer cannot be kept: it holds a number beyond 64 bits"
TOO_DEEP = f"the answer cannot be kept: it is nested deeper than {MAX_DEPTH} levels"
SURROGATE = "the answer cannot be kept: it holds half of a surrogate pair"
NUL_INSIDE = "the answer cannot be kept: it holds a NUL character"
SEVERAL = "the answer holds more than one JSON object"
NOT_AN_OBJECT = "the answer is JSON, but not an object"
NO_OBJECT = "the answer holds no JSON object"
LOSES_KEYS = "the answer's JSON is broken, and repairing it would lose keys"
TOO_LONG_TO_REPAIR = "the answer's JSON is broken, and too long to repair"
TOO_LONG = f"the answer is longer than {MAX_ANSWER_CHARS} characters"
ENDS_EARLY = "the answer ends before its JSON object does"

ACCEPTED = {
    "plain": GOOD_TEXT,
    "white space around it": f" \n{GOOD_TEXT}\r\n\t",
    "a byte order mark": f"\N{ZERO WIDTH NO-BREAK SPACE}{GOOD_TEXT}",
    "a markdown fence": f"```json\n{GOOD_TEXT}\n```",
    "a fence without a language": f"```\n{GOOD_TEXT}```",
    "a fence that never closes": f"```json\n{GOOD_TEXT}",
    "text before": f"Here is the JSON you asked for:\n\n{GOOD_TEXT}",
    "text after": f"{GOOD_TEXT}\n\nLet me know if you need anything else!",
    "text with braces around": f"In the set {{1, 2}} and \\frac{{4}}{{5}}:\n{GOOD_TEXT}\nor {{so}}.",
    "the same object twice": f"{GOOD_TEXT}\nAgain:\n{GOOD_TEXT}",
    "thoughts before": f"<think>The total is {{9.5}}.</think>\n{GOOD_TEXT}",
    "escaped letters": '{"\\u0063ompany": "\\u0041CME", "total": 9.5}',
    "an exponent": '{"company": "ACME", "total": 95e-1}',
}

REPAIRED = {
    "a raw line end in a text": ('{"company": "AC\nME"}', {"company": "AC\nME"}),
    "a raw tab in a fenced text": ('```json\n{"company": "AC\tME"}\n```', {"company": "AC\tME"}),
    "a backslash that escapes nothing": ('{"company": "\\(ACME\\) C:\\ACME"}', {"company": "\\(ACME\\) C:\\ACME"}),
    "a trailing comma": ('{"company": "ACME", "total": 9.5,}', GOOD),
    "single quotes": ("{'company': 'ACME', 'total': 9.5}", GOOD),
    "keys without quotes": ('{company: "ACME", total: 9.5}', GOOD),
    "comments": ('{"company": "ACME", // the shop\n "total": 9.5}', GOOD),
    "a missing comma": ('{"company": "ACME" "total": 9.5}', GOOD),
    "Python's words": ('{"company": "ACME", "paid": True, "total": None}', {**GOOD, "paid": True, "total": None}),
    "missing brackets": ('Sure: {"company": "ACME", "lines": [{"n": 1}', {"company": "ACME", "lines": [{"n": 1}]}),
}

REFUSED = {
    "nothing": ("", "the answer is empty"),
    "white space": (" \n\t", "the answer is empty"),
    "a byte order mark alone": ("\N{ZERO WIDTH NO-BREAK SPACE}", "the answer is empty"),
    "prose": ("I could not find a receipt in this text.", NO_OBJECT),
    "braces that are no JSON": ("The set {1, 2, 3} and {x}.", NO_OBJECT),
    "a list": ('[{"company": "ACME"}]', NOT_AN_OBJECT),
    "a list in prose": ('Here: [{"company": "ACME"}, {"company": "B"}]', NOT_AN_OBJECT),
    "a text": ('"ACME"', NOT_AN_OBJECT),
    "a number": ("9.5", NOT_AN_OBJECT),
    "null": ("null", NOT_AN_OBJECT),
    "a broken list of objects": ('[{"a": 1}, {"b": 2},, ]', LOSES_KEYS),
    "a broken object with a key given twice": ('{"a": 1, "a": 2,, }', LOSES_KEYS),
    "two objects": ('{"total": 1}\n{"total": 2}', SEVERAL),
    "a draft and an answer": ('First I thought {"total": 1}, but it is {"total": 2}.', SEVERAL),
    "a key given twice": ('{"total": 1, "total": 2}', DUPLICATE),
    "a key given twice, the same": ('{"total": 1, "total": 1}', DUPLICATE),
    "a key given twice, with space before its colon": ('{"total" :1, "total":2}', DUPLICATE),
    "a key given twice, once escaped": ('{"total": 1, "t\\u006ftal": 2}', DUPLICATE),
    "a key given twice, within": ('{"lines": [{"a": 1, "a": 2}]}', DUPLICATE),
    "a key given twice, beside a colon in text": ('{"a": ": ", "a": 2}', DUPLICATE),
    "a key given twice, in a fence": ('```json\n{"total": 1, "total": 2}\n```', DUPLICATE),
    "NaN": ('{"total": NaN}', NOT_FINITE),
    "Infinity": ('{"total": Infinity}', NOT_FINITE),
    "minus Infinity": ('{"total": -Infinity}', NOT_FINITE),
    "1e999": ('{"total": 1e999}', NOT_FINITE),
    "minus 1e999 in a fence": ('```\n{"total": -1e999}\n```', NOT_FINITE),
    "2 to the 63": ('{"total": 9223372036854775808}', TOO_LARGE),
    "2 to the 64": ('{"total": 18446744073709551616}', TOO_LARGE),
    "less than minus 2 to the 63": ('{"total": -9223372036854775809}', TOO_LARGE),
    "thousands of digits": (f'{{"total": {"9" * 5000}}}', TOO_LARGE),
    "thousands of brackets": ("[" * 100_000, TOO_DEEP),
    "thousands of brackets, closed": ("[" * 100_000 + "]" * 100_000, TOO_DEEP),
    "thousands of objects": ('{"a":' * 50_000, TOO_DEEP),
    "thousands of objects, closed": ('{"a":' * 30_000 + "1" + "}" * 30_000, TOO_DEEP),
    "a list too deep": (f'{{"a": {"[" * (MAX_DEPTH + 1)}{"]" * (MAX_DEPTH + 1)}}}', TOO_DEEP),
    "NUL": (f"{GOOD_TEXT}\0", "the answer holds a NUL character"),
    "NUL in a text": ('{"company": "AC\0ME"}', "the answer holds a NUL character"),
    "UTF-16 read as Latin": (GOOD_TEXT.encode("utf-16-le").decode("latin-1"), "the answer holds a NUL character"),
    "NUL, escaped": ('{"company": "AC\\u0000ME"}', NUL_INSIDE),
    "NUL, escaped in a key": ('{"comp\\u0000any": 1}', NUL_INSIDE),
    "NUL, escaped in a fence": ('```\n{"company": "AC\\u0000ME"}\n```', NUL_INSIDE),
    "half a surrogate pair, escaped": ('{"company": "\\ud83d"}', SURROGATE),
    "half a surrogate pair, escaped in a key": ('{"\\ude00": 1}', SURROGATE),
    "half a surrogate pair, raw": ('{"company": "\ud83d"}', SURROGATE),
    "an object that never ends": ('{"company": "ACME", "total"', ENDS_EARLY),
    "an object that never ends, in prose": ('Sure: {"company": "ACME", "total": 9', ENDS_EARLY),
    "too much to repair": (f'{{"a": "b" {"[" * 500} {"x" * 500} }}', TOO_LONG_TO_REPAIR),
    "too much to read": (f'{{"a": "{"x" * MAX_ANSWER_CHARS}"}}', TOO_LONG),
    "beyond repair": (f"{{a:}},true[{'9' * 5000}}}", "the answer's JSON is broken beyond repair"),
    "broken, with NaN": ('{"company": "ACME", "total": NaN,,}', NOT_FINITE),
    "broken, with 1e999": ('{"total": 1e999,,}', NOT_FINITE),
    "broken, with a huge number": ('{"total": 99999999999999999999, }', TOO_LARGE),
    "broken, with NUL": ('{"company": "\\u0000",,}', NUL_INSIDE),
    "broken, with half a surrogate pair": ('{"company": "\\ud800",,}', SURROGATE),
}


def parse(text: str) -> ParsedAnswer:
    """Parse an answer that the model ended itself."""
    return parse_answer(text, FinishReason.STOP)


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_an_object_is_read_whatever_stands_around_it(text: str) -> None:
    """Fences, prose, marks and spacing are no part of the answer, and reading them away is no repair."""
    answer = parse(text)
    assert (answer.output, answer.failures, answer.repaired) == (GOOD, (), False)
    assert answer.start is not None
    assert text[answer.start] == "{"


@pytest.mark.parametrize(("text", "output"), REPAIRED.values(), ids=REPAIRED)
def test_a_broken_object_is_mended_and_says_so(text: str, output: dict[str, Any]) -> None:
    """What was changed before it was read is flagged."""
    answer = parse(text)
    assert (answer.output, answer.failures, answer.repaired) == (output, (), True)


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_one_storable_object_is_refused_for_one_reason(text: str, reason: str) -> None:
    """Each hostile answer has one documented verdict."""
    answer = parse(text)
    assert answer.output is None
    (failure,) = answer.failures
    assert (failure.check, failure.field) == (CheckName.PARSE, "")
    assert failure.reason == reason


@pytest.mark.parametrize("text", [*ACCEPTED.values(), GOOD_TEXT])
def test_a_refusal_is_never_read(text: str) -> None:
    """What a model says while it declines is not its answer."""
    answer = parse_answer(text, FinishReason.REFUSAL)
    assert [failure.reason for failure in answer.failures] == ["the model declined to answer"]


@pytest.mark.parametrize("reason", [FinishReason.STOP, FinishReason.OTHER, FinishReason.LENGTH])
def test_a_whole_object_counts_however_the_answer_ended(reason: FinishReason) -> None:
    """A model may reach the limit with its last brace."""
    assert parse_answer(GOOD_TEXT, reason).output == GOOD


@pytest.mark.parametrize("text", [*(text for text, _ in REPAIRED.values()), GOOD_TEXT[:-1], f"{GOOD_TEXT}\n\nThis is"])
def test_an_answer_cut_off_at_the_limit_is_never_mended(text: str) -> None:
    """Mending drops what is missing without a word, and another object may have been about to come."""
    answer = parse_answer(text, FinishReason.LENGTH)
    assert [failure.reason for failure in answer.failures] == [CUT_OFF]


PIECES = st.sampled_from(
    [
        *("{", "}", "[", "]", '"', "'", ":", ",", "\\", "\\u0000", "\\ud800", "a", "1", "1e999", "NaN", "9" * 20, " "),
        *("\n", "```json\n", "```", '{"a":', '"a": 1', "\0", "\ud800", "é", "//", "/*", "#", "(", "true", GOOD_TEXT),
    ]
)
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text()


@given(text=TEXTS, reason=st.sampled_from(FinishReason))
def test_no_answer_raises_and_every_output_can_be_kept(text: str, reason: FinishReason) -> None:
    """There is an output or one failure, and PostgreSQL, SQLite and every JSON reader agree on the output."""
    answer = parse_answer(text, reason)
    assert (answer.output is None) == (len(answer.failures) == 1)
    if answer.output is not None:
        kept = orjson.dumps(answer.output)
        assert b"\0" not in kept
        assert json.loads(kept.decode()) == answer.output
        row = sqlite3.connect(":memory:").execute("select json(?)", (kept.decode(),)).fetchone()
        assert json.loads(row[0]) == answer.output


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
)


@given(
    output=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), JSON_VALUES, max_size=4
    ),
    ascii_only=st.booleans(),
    fence=st.booleans(),
)
def test_every_storable_object_is_read_as_it_is(output: dict[str, Any], *, ascii_only: bool, fence: bool) -> None:
    """Nothing that can be kept is refused or changed."""
    try:
        orjson.dumps(output)
    except TypeError:  # a nested key holds half of a surrogate pair
        return
    text = json.dumps(output, ensure_ascii=ascii_only)
    if "\\u0000" in text or "\0" in text:
        return
    answer = parse(f"```json\n{text}\n```" if fence else text)
    assert answer.output == output
    assert not answer.repaired


UNITS = [
    '{"a":',
    '{"a" ',
    '{"a":("',
    '"x",',
    "{'a':",
    '{"a": 1 // c\n',
    '{"a":{}}',
    "{}",
    '{"',
    "[ ",
    "{ ",
    '"a":"b, ',
    "\\(",
]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("prefix", ["", '{"a":', "{"])
def test_hostile_answers_take_bounded_time(unit: str, prefix: str) -> None:
    """Neither the longest answer nor one that fits the repair's bound holds a worker for long."""
    for size in (MAX_ANSWER_CHARS, int((MAX_REPAIR_WORK * len(unit)) ** 0.5)):
        began = time.perf_counter()
        parse((prefix + unit * (size // len(unit)))[: size - 1] + "}")
        assert time.perf_counter() - began < 3
