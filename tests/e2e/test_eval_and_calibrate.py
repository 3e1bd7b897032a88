"""Quality measured and thresholds derived, as users do it: the real command, its own services, engines over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.documents import write_lines
from tests.support.runs import Workplace, first_task

ENGINES = """
import json, re

WRONG_OF_100 = {wrong}
SECOND_KNOWS_BETTER = {knows_better}


def _answer(request, total):
    number = re.search(r"no. (N-\\d+)", request.document)[1]
    return json.dumps({{"supplier": request.document.split("\\n")[0], "number": number, "total": total}})


def _total(request, name):
    return float(re.search(name + r" ([\\d.]+)", request.document)[1])


def large(request):
    return _answer(request, _total(request, "Total"))


def small(request):
    number = int(re.search(r"N-(\\d+)", request.document)[1])
    return _answer(request, _total(request, "VAT" if number % 100 < WRONG_OF_100 else "Total"))


def second(request):
    return large(request) if SECOND_KNOWS_BETTER else small(request)


ENGINES = {{"small": small, "large": large, "second": second}}
"""
AGREEMENT = "  agreement: {model: second, fields: [total], tiers: [cheap], min: 0}\n"
SECOND = (
    '  second: {provider: openai, model: second, server: offline, price: {input: 0.05, output: 0.2, note: "made up"}}\n'
)


def _place(folder: Path, wrong: int, *, agreement: bool = False, knows_better: bool = True) -> Workplace:
    """Return the first task, whose cheap model gives an accepted but wrong answer to so many of a hundred documents."""
    place = first_task(folder)
    engines = ENGINES.format(wrong=wrong, knows_better=knows_better)
    (folder / "invoices" / "engines.py").write_text(engines, encoding="utf-8")
    if agreement:
        task = folder / "invoices" / "task.yaml"
        task.write_text(task.read_text().replace("checks:\n", f"checks:\n{AGREEMENT}"))
        deployment = folder / "cheapfirst.yaml"
        deployment.write_text(deployment.read_text().replace("models:\n", f"models:\n{SECOND}", 1))
    return place


def _documents(place: Workplace, count: int) -> None:
    rows = [
        {
            "custom_id": f"invoice-{number}",
            "text": f"Supplier {number} Ltd\nInvoice no. N-{number}\nVAT 1.25\nTotal {number}.50\n",
            "expected": {"total": number + 0.5},
        }
        for number in range(100, 100 + count)
    ]
    write_lines(place.folder / "labelled.jsonl", *rows)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("wrong", "count", "code", "verdict"),
    [(6, 400, 5, "too aggressive|watch"), (1, 400, 0, "safe"), (1, 40, 5, "not enough data")],
)
def test_the_gate_refuses_what_is_worse_and_says_where_data_do_not_suffice(
    tmp_path: Path, wrong: int, count: int, code: int, verdict: str
) -> None:
    """Six points worse on 400 documents is refused, one point is not, and 40 documents do not tell."""
    place = _place(tmp_path, wrong)
    _documents(place, count)
    judged = place.run("eval", "invoices", "labelled.jsonl", "--paths", "routed,expensive", "--gate", "--json")
    assert judged.code == code, judged.err
    found = judged.json
    assert found["verdict"]["safety"].replace("_", " ") in verdict.split("|")
    difference = found["differences"]["routed"]
    assert difference["pairs"]["worse"] == sum(number % 100 < wrong for number in range(count))
    low, high = difference["interval"]
    assert low <= difference["difference"] <= high
    assert (difference["more_needed"] is not None) == (verdict == "not enough data")
    again = place.run("eval", "invoices", "labelled.jsonl", "--paths", "routed,expensive", "--json")
    assert again.json["spent_usd"] == found["spent_usd"], "what ran before is not asked again"
    assert "ran before as" in again.err


@pytest.mark.timeout(300)
def test_thresholds_follow_from_a_target_and_hold_once_activated(tmp_path: Path) -> None:
    """A second model that knows better keeps out what is wrong; the same command shows and undoes it."""
    place = _place(tmp_path, 10, agreement=True)
    _documents(place, 300)
    derived = place.run("calibrate", "invoices", "labelled.jsonl", "--margin", "0.03", "--json")
    assert derived.code == 0, derived.err
    part = derived.json["everywhere"]
    assert (part["documents"], part["candidates"], part["base_losses"]) == (300, 300, 30)
    assert part["chosen"]["least"] == {"agreement": 1.0}
    assert (part["chosen"]["stands"], part["chosen"]["losses"]) == (270, 0)
    assert part["must_refuse"] == pytest.approx(0.07 / 0.97, abs=1e-6)
    assert part["chosen"]["cost_usd"] < part["always_last_usd"]
    assert place.run("calibrate", "invoices", "--activate", "1").code == 0
    assert place.run("calibrate", "invoices", "--list", "--json").json[0]["active"] is True
    measured = place.run("eval", "invoices", "labelled.jsonl", "--paths", "routed,expensive", "--json").json
    assert measured["differences"]["routed"]["pairs"]["worse"] == 0
    assert measured["paths"]["routed"]["tiers"] == {"cheap": 270, "expensive": 30}
    undone = place.run("calibrate", "invoices", "--rollback")
    assert "the thresholds of the task file hold" in undone.out


@pytest.mark.timeout(300)
def test_a_target_that_cannot_be_met_is_told_with_what_would_have_to_be_refused(tmp_path: Path) -> None:
    """A second model that makes the same mistakes tells nothing; the command ends with 5 and activates nothing."""
    place = _place(tmp_path, 10, agreement=True, knows_better=False)
    _documents(place, 300)
    derived = place.run("calibrate", "invoices", "labelled.jsonl", "--margin", "0.03")
    assert derived.code == 5, derived.err
    assert "the target cannot be met: 10.0% of what could stand is worse" in derived.out
    assert "for 3.0%, any signal has to refuse 7.2% of them at least" in derived.out
    refused = place.run("calibrate", "invoices", "--activate", "1")
    assert refused.code == 2
    assert "its target could not be met" in refused.err
    nothing = place.run("calibrate", "invoices")
    assert nothing.code == 2
    assert "Name LABELS" in nothing.err
