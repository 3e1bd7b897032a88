"""What is taken out of a recording is gone from all of it, and the recording behaves as before."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.replay.redaction import Redactor
from evaluation.replay.redaction_rules import compile_rules
from routing.errors import UsageError

SECRET = b"secret"


def _row(text: str, *answers: str, **parts: object) -> dict[str, Any]:
    models = {f"m{number}": {"text": answer} for number, answer in enumerate(answers)}
    return {"custom_id": "a", "text": text, "metadata": {}, "expected": None, "models": models, **parts}


def _redacted(row: dict[str, Any], *rules: str) -> dict[str, Any]:
    return Redactor(compile_rules(rules), SECRET).redact(row)


def test_a_value_becomes_the_same_other_value_everywhere() -> None:
    """In the document, its metadata, its labels and every answer, each in its own case and spacing."""
    row = _row(
        "ACME  ROCKETS\nLTD, 1 Main St",
        '{"company": "Acme Rockets Ltd"}',
        metadata={"shop": ["acme rockets ltd"]},
        expected={"company": "Acme Rockets Ltd"},
    )
    redacted = _redacted(row, "field:company")
    name = redacted["expected"]["company"]
    assert json.loads(redacted["models"]["m0"]["text"]) == {"company": name}
    assert redacted["metadata"] == {"shop": [name.lower()]}
    first, second, third = name.upper().split()
    assert redacted["text"] == f"{first}  {second}\n{third}, 1 Main St"
    assert [len(word) for word in name.split()] == [4, 7, 3]
    assert "acme" not in json.dumps(redacted).lower()


def test_what_a_value_begins_with_is_replaced_alike() -> None:
    """An answer that leaves out the last word is still found in the document."""
    row = _row("by Acme Rockets Ltd.", '{"company": "Acme Rockets"}', expected={"company": "Acme Rockets Ltd"})
    redacted = _redacted(row, "field:company")
    assert json.loads(redacted["models"]["m0"]["text"])["company"] in redacted["text"]


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("email", "bob.smith@mail.example.com"),
        ("phone", "+44 (20) 7946-0958"),
        ("phone", "555 867 5309"),
        ("iban", "DE89 3704 0044 0532 0130 00"),
        ("card", "4111-1111-1111-1111"),
        (r"/[A-Z]{3}-\d+/", "KLM-4477"),
    ],
)
def test_known_kinds_and_patterns_are_found_in_the_text(rule: str, value: str) -> None:
    """With letters for letters and digits for digits, so that formats stay; what is around them stays too."""
    redacted = _redacted(_row(f"Reach us: {value}. Paid 12.50 on 2024-11-02."), rule)["text"]
    assert value not in redacted
    assert len(redacted) == len(f"Reach us: {value}. Paid 12.50 on 2024-11-02.")
    assert redacted.startswith("Reach us: ")
    assert redacted.endswith(". Paid 12.50 on 2024-11-02.")


def test_no_escape_hides_a_value() -> None:
    r"""`Caf\u00e9` is written out; an answer is kept as the model wrote it where it can be."""
    row = _row("Café Müller", '{"company":  "Caf\\u00e9 M\\u00fcller"}', '{"company":  "Café\\nMüller"}')
    redacted = _redacted(row, "field:company")
    first, second = (redacted["models"][name]["text"] for name in ("m0", "m1"))
    assert json.loads(first) == {"company": redacted["text"]}
    assert json.loads(second)["company"].split() == redacted["text"].split()
    assert second.startswith('{"company":  "')


def test_an_answer_that_cannot_be_redacted_for_sure_is_left_out() -> None:
    """One that is no JSON, and in which escapes hide the value, with the repairs that followed it."""
    row = _row("Café Müller", '{"company": "Café Müller"}')
    row["models"]["m1"] = {"text": "It is Caf\\u00e9 M\\u00fcller", "repairs": [{"text": "{}"}]}
    redactor = Redactor(compile_rules(["field:company"]), SECRET)
    assert list(redactor.redact(row)["models"]) == ["m0"]
    assert (redactor.dropped, redactor.found["field:company"]) == (2, 1)


def test_spaces_within_words_hide_nothing() -> None:
    """Text from a PDF has them anywhere, and words are glued to others."""
    row = _row("by Ac me Rock etsLtd and AcmeRocketsInc", expected={"company": "Acme Rockets"})
    redacted = _redacted(row, "field:company")
    plain = redacted["text"].replace(" ", "").lower()
    assert "acme" not in plain
    assert "rockets" not in plain
    assert redacted["text"].startswith("by ")


def test_a_short_value_is_no_part_of_a_word() -> None:
    """A state's `IN` does not change every word that has these letters."""
    redacted = _redacted(_row("IN Indiana, in winter", expected={"state": "IN"}), "field:state")["text"]
    assert "Indiana" in redacted
    assert "winter" in redacted
    assert not redacted.startswith("IN ")


def test_repairs_parts_and_judgements_are_redacted_and_numbers_stay() -> None:
    """Whatever is kept of a model; tokens and statuses are no texts."""
    answer = {"text": '{"name": "Jane Roe", "total": 5}', "input_tokens": 5}
    model = {**answer, "repairs": [answer], "parts": {"name": answer}, "judged": answer}
    row = _row("Jane Roe") | {"models": {"m": model, "n": {"refused": 400}}}
    redacted = _redacted(row, "field:name")
    assert "Jane" not in json.dumps(redacted)
    kept = redacted["models"]["m"]
    assert kept["repairs"] == [kept["parts"]["name"]] == [kept["judged"]]
    assert (json.loads(kept["text"])["total"], kept["input_tokens"]) == (5, 5)
    assert redacted["models"]["n"] == {"refused": 400}


def test_another_secret_gives_other_values() -> None:
    """So that nobody can try names out on a recording."""
    row = _row("Jane Roe", expected={"name": "Jane Roe"})
    rules = compile_rules(["field:name"])
    assert Redactor(rules, b"one").redact(row)["text"] != Redactor(rules, b"two").redact(row)["text"]


@given(
    name=st.text(st.characters(categories=["Lu", "Ll", "Nd", "Zs", "Pd"]), min_size=8, max_size=30),
    around=st.text(max_size=30),
)
def test_no_text_makes_it_fail_or_leak(name: str, around: str) -> None:
    """Whatever the value and what is around it: a long value is nowhere in the row, and answers stay JSON."""
    row = _row(f"{around} {name} {around}", json.dumps({"name": name}), expected={"name": name})
    redacted = _redacted(row, "field:name")
    if sum(character.isalnum() for character in name) >= 8 and any(one.isalnum() and one != "0" for one in name):
        assert name.strip() not in redacted["text"]
    for model in redacted["models"].values():
        assert json.loads(model["text"])["name"].strip() in redacted["text"]


@pytest.mark.parametrize("rule", ["emial", "/(/", "//", "field:", "field:[0]"])
def test_rules_that_are_none_are_told(rule: str) -> None:
    """With what may be written instead."""
    with pytest.raises(UsageError):
        compile_rules([rule])
