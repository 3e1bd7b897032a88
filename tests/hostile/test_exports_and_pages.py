"""Names, ids, fields and answers of people who mean harm, in everything that is handed out of a job."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from html.parser import HTMLParser
from typing import Any

import pytest
from markdown_it import MarkdownIt
from sqlalchemy import text

from producer.evidence_report import evidence_report
from producer.exports.csv import write_csv
from producer.report_page.markdown import report_markdown
from producer.report_page.page import report_page
from producer.results import read_results
from storage import migrate
from storage.database import Database
from tests.support.ended_jobs import RECEIPT, LedgerJob, documents
from tests.support.measured_jobs import measured_job

FORMULAS = [
    *("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x";"y")'),
    *("\uff1d1+1", "\uff0b1", "\uff0d1+1", "\uff20A1", "=1\x00"[:2], '"=1+1', "=1+1\n=2+2", "-1-1", "+", "=", "@"),
]
MARKUP = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=http://127.0.0.1:1/x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></title></textarea></svg><svg onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<base href=http://127.0.0.1:1/><link rel=stylesheet href=//127.0.0.1:1/x.css>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:1/'>",
    "<!-- --><![CDATA[ ]]><?php ?>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "{{ 7*7 }}{% raw %}${7*7}",
    "$E=mc^2$ \\alpha _{x}",
    "[x](javascript:alert(1)) ![x](http://127.0.0.1:1/x) <http://127.0.0.1:1/>",
    "| a | b |\n|---|---|\n# heading\n- item\n> quote\n```html\n<script>alert(1)</script>\n```",
    "[x]: http://127.0.0.1:1/x\n[x] *a* __b__ ~~c~~ `d`",
    "\u202etxet\u202c \u2066x\u2069",
]
ALL = "\n".join(MARKUP)
LEADING = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
FETCHED = {"src", "href", "xlink:href", "srcset", "data", "action", "srcdoc", "background", "poster", "formaction"}


class Parsed(HTMLParser):
    """A page as a browser takes it apart: what it would run, and what it would fetch or lead to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.run: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.run += [name for name, _ in attrs if name.startswith("on")]
        self.addresses += [value or "" for name, value in attrs if name in FETCHED]

    def handle_data(self, data: str) -> None:
        self.text += data


def is_harmless(page: Parsed) -> bool:
    """Tell whether nothing on a page runs, and nothing leads out of it."""
    dangerous = {"script", "iframe", "object", "embed", "base", "link", "img", "form", "input"}
    return not (page.tags & dangerous or page.run or [one for one in page.addresses if not one.startswith("#")])


def spread(ledger: Database, job_id: int, name: str) -> None:
    """Give this name to everything that somebody else may have named: models, tiers, items, failed fields."""
    failures = json.dumps([{"check": name, "field": name, "reason": name}])
    with ledger.write() as connection:
        for statement in (
            "UPDATE attempts SET model = :name, price_source = :name, cause = :name, failures = :failures",
            "UPDATE attempts SET trouble = :name WHERE outcome <> 'accepted'",
            "UPDATE items SET cause = :name",
            "UPDATE items SET custom_id = :name || position WHERE job_id = :job",
        ):
            given = {"name": name, "failures": failures, "job": job_id}
            connection.execute(text(statement), {key: given[key] for key in given if f":{key}" in statement})


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of a job, with each name in turn given to everything in it."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('names') / 'ledger.db'}")
    migrate.upgrade(database)
    job = measured_job(database, name="names")
    made = {}
    for name in (*MARKUP, ALL):
        spread(database, job.id, name)
        made[name] = evidence_report(database, "names") | {"job": name}
    database.close()
    return made


def test_no_name_is_run_or_fetched_on_the_page_of_a_report(reports: dict[str, Any]) -> None:
    """The job, models, tiers, checks, fields, items and answers are text on it, whatever they look like."""
    page = Parsed(report_page(reports[ALL]))
    assert is_harmless(page)
    text_of_page = " ".join(page.text.split())
    assert [name for name in MARKUP if " ".join(name.split()) not in text_of_page] == []


@pytest.mark.parametrize("name", MARKUP)
def test_no_name_is_run_or_fetched_where_a_report_in_markdown_is_shown(reports: dict[str, Any], name: str) -> None:
    """A reader that lets HTML through shows neither element nor link nor picture of it, and no cell more."""
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(report_markdown(reports[name]))
    plain = MarkdownIt("commonmark").enable("table").render(report_markdown(reports[MARKUP[-1]]))
    page = Parsed(shown)
    assert is_harmless(page)
    assert page.tags == Parsed(plain).tags
    assert shown.count("<td") == plain.count("<td")


NAMES = [*FORMULAS, *MARKUP]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """The rows of a table of results, in which everything is called by each of these names in turn."""
    properties: dict[str, Any] = {"company": {"type": "string"}} | {name: {"type": "string"} for name in NAMES}
    output = RECEIPT.output.model_copy(update={"json_schema": {"type": "object", "properties": properties}})
    task = RECEIPT.model_copy(update={"output": output})
    ids = [f"{name}x{number}" for number, name in enumerate(NAMES)]
    with closing(Database(f"sqlite:///{tmp_path_factory.mktemp('exported') / 'ledger.db'}")) as database:
        migrate.upgrade(database)
        job = LedgerJob(database, documents(*ids, *(f"{one} failed" for one in ids)), task)
        for name in NAMES:
            job.accept({"company": name, name: name})
        for name in NAMES:
            job.fail({"company": name, name: [name, {name: name}]}, (name, name))
        with database.write() as connection:
            for position, name in enumerate([*NAMES, *NAMES], 1):
                named = {"name": name, "position": position}
                connection.execute(text("UPDATE attempts SET model = :name WHERE position = :position"), named)
                connection.execute(text("UPDATE items SET tier = :name WHERE position = :position"), named)
        stream = io.BytesIO()
        write_csv(read_results(database, job.record.id), task, stream)
    return list(csv.reader(io.StringIO(stream.getvalue().decode(), newline="")))


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_of_an_export_is_a_formula(exported: list[list[str]], name: str) -> None:
    """In no column: ids, outputs, rejected outputs, models, tiers and checks; and no cell breaks out of its own."""
    number = NAMES.index(name)
    done, failed = exported[1 + number], exported[1 + len(NAMES) + number]
    assert [cell for cell in (*done, *failed) if cell.startswith(LEADING)] == []
    assert [len(row) for row in (done, failed)] == [len(exported[0])] * 2
    assert done[0] in {f"{name}x{number}", f"'{name}x{number}"}
    assert failed[0] in {f"{name}x{number} failed", f"'{name}x{number} failed"}
    assert done.count(done[2]) >= 2
    assert name in done[2]


def test_no_heading_of_an_export_is_a_formula(exported: list[list[str]]) -> None:
    """A field of the schema may be called anything."""
    assert [cell for cell in exported[0] if cell.startswith(LEADING)] == []
    assert len(exported) == 1 + 2 * len(NAMES)
