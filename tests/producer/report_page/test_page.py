"""A report as one page."""

from __future__ import annotations

import builtins
import json
from decimal import Decimal
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, cast

import pytest

from producer.evidence_report import evidence_report
from producer.json_text import json_page
from producer.report_page.markdown import report_markdown
from producer.report_page.page import report_page
from routing.errors import UsageError
from tests.support.ended_jobs import RECEIPT, LedgerJob, documents
from tests.support.judged_jobs import Judged, judge, open_job
from tests.support.ledgers import running_job
from tests.support.measured_jobs import HOSTILE, measured_job

if TYPE_CHECKING:
    from storage.database import Database

NEEDED_OF_ELSEWHERE = {"src", "href", "xlink:href", "srcset", "data", "action"}


class _Page(HTMLParser):
    """What a page holds: its figures by key, its tags, and what it would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.figures: dict[str, str] = {}
        self.tags: set[str] = set()
        self.fetched: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.headlines: list[str] = []
        self._in_headline = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.handlers += [name for name in given if name.startswith("on")]
        self.fetched += [value or "" for name, value in attrs if name in NEEDED_OF_ELSEWHERE]
        self._in_headline = given.get("class") == "headline" or (self._in_headline and tag == "data")
        if tag == "data":
            self.figures[given["data-key"] or ""] = given["value"] or ""

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_headline:
            self.headlines.append(data)
            self._in_headline = False


def test_every_figure_of_the_page_is_one_of_the_json(sqlite_ledger: Database) -> None:
    """Each names its key, and its value is what stands there, to the last digit."""
    measured_job(sqlite_ledger)
    figures = evidence_report(sqlite_ledger, "measured")
    written = json.loads(json_page(figures), parse_float=Decimal)
    page = _Page(report_page(figures))
    assert len(page.figures) > 50
    for key, shown in page.figures.items():
        value = _at(written, key)
        assert Decimal(shown) == value, key


def test_names_and_answers_stay_text(sqlite_ledger: Database) -> None:
    """No element, no handler and no address comes from a document, a field, an item or a job; nothing is fetched."""
    measured_job(sqlite_ledger, name=f"job {HOSTILE}")
    page = _Page(report_page(evidence_report(sqlite_ledger, f"job {HOSTILE}")))
    assert HOSTILE in page.text
    assert "script" not in page.tags
    assert page.handlers == []
    assert all(address.startswith("#") for address in page.fetched)


def test_a_job_nothing_is_known_of_has_a_page(sqlite_ledger: Database) -> None:
    """Before the first item has ended."""
    running_job(sqlite_ledger, 2, name="begun")
    page = _Page(report_page(evidence_report(sqlite_ledger, "begun")))
    assert "No item has ended yet." in page.text
    assert "Not measured" in page.text


def test_without_measured_items_the_saving_is_told_as_an_estimate(sqlite_ledger: Database) -> None:
    """And the way to measure it is named."""
    LedgerJob(sqlite_ledger, documents("a")).accept({})
    page = _Page(report_page(evidence_report(sqlite_ledger, "receipt-1")))
    assert "for all expensive, an estimate from the tokens of each item's own calls" in " ".join(page.text.split())
    assert "cheapfirst holdout TASK --to 2" in page.text


def test_where_too_few_items_were_measured_no_saving_is_a_headline(sqlite_ledger: Database) -> None:
    """It says how many more it takes, as the verdict on quality does, and tells the estimate as what it is."""
    answers = [Judged(output='{"total": 1}', last='{"total": 1}' if number < 5 else None) for number in range(20)]
    judge(sqlite_ledger, open_job(sqlite_ledger, RECEIPT, "few", 20), 1, answers)
    figures = evidence_report(sqlite_ledger, "few")
    saving, quality = cast("dict[str, Any]", figures["saving"]), cast("dict[str, Any]", figures["quality"])
    assert (saving["is_shown"], saving["more_needed"], quality["safety"]) == (False, 25, "not_enough_data")
    assert 50 < quality["more_needed"] < 500
    page = _Page(report_page(figures))
    assert page.headlines == ["Not enough data", "Not enough data"]
    assert page.figures["saving.more_needed"] == "25"
    assert page.figures["quality.more_needed"] == str(quality["more_needed"])
    assert "saving.saved_fraction" not in page.figures
    text = report_markdown(figures)
    assert "measured: not enough data: 25 more items that run on both tiers are needed" in text
    assert f"- Quality: not enough data: {quality['more_needed']} more items that run on both tiers are needed" in text


def test_a_page_without_the_extra_says_how_to_get_it(sqlite_ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts need matplotlib."""
    measured_job(sqlite_ledger)
    real = builtins.__import__

    def without_matplotlib(name: str, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - stands for __import__
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    with pytest.raises(UsageError, match="needs matplotlib") as missing:
        report_page(evidence_report(sqlite_ledger, "measured"))
    assert "cheapfirst[evaluation]" in str(missing.value.hint)


def test_the_same_figures_give_the_same_page(sqlite_ledger: Database) -> None:
    """Two pages can be compared as files."""
    measured_job(sqlite_ledger)
    figures = evidence_report(sqlite_ledger, "measured")
    assert report_page(figures) == report_page(figures)


def test_markdown_keeps_names_as_text(sqlite_ledger: Database) -> None:
    """No cell ends early, and no HTML gets through; saving and quality are told as measured."""
    measured_job(sqlite_ledger, name=f"job {HOSTILE}")
    text = report_markdown(evidence_report(sqlite_ledger, f"job {HOSTILE}"))
    assert "<script>" not in text.replace("\\<", "")
    assert "for all expensive, measured: what its own calls cost" in text
    assert "8 of 36 measured items differ" in text


def _at(report: Any, key: str) -> Any:  # noqa: ANN401 - JSON
    """Return what stands under a dotted key."""
    if key == "":
        return report
    if isinstance(report, list):
        number, _, rest = key.partition(".")
        return _at(report[int(number)], rest)
    for name, value in report.items():
        if key == name or (key.startswith(f"{name}.") and isinstance(value, (dict, list))):
            return _at(value, key[len(name) + 1 :])
    raise KeyError(key)
