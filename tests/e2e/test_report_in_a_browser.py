"""A report's page in a real browser."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from producer.evidence_report import evidence_report
from producer.report_page.page import report_page
from tests.support.measured_jobs import measured_job
from tests.support.services import missing

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import ConsoleMessage, Request

    from storage.database import Database

PHONE_WIDTH, DESK_WIDTH = 390, 1200


@pytest.mark.parametrize(("width", "scheme"), [(PHONE_WIDTH, "dark"), (DESK_WIDTH, "light"), (DESK_WIDTH, "dark")])
def test_the_page_is_readable_everywhere_and_for_everybody(
    sqlite_ledger: Database, tmp_path: Path, width: int, scheme: str
) -> None:
    """No console error, nothing fetched, no sideways scrolling, no violation that axe finds, and no script needed."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or missing("Chromium", "apt-get install chromium")
    measured_job(sqlite_ledger)
    file = tmp_path / "report.html"
    file.write_text(report_page(evidence_report(sqlite_ledger, "measured")), encoding="utf-8")
    told: list[ConsoleMessage] = []
    asked: list[Request] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        page.on("console", lambda message: told.append(message))  # noqa: PLW0108 - it sets attributes on handlers
        page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - as above
        page.goto(file.as_uri())
        violations = Axe().run(page).response["violations"]
        scrolled = page.evaluate("document.documentElement.scrollWidth")
        charts = page.locator("svg[role=img]").count()
        browser.close()
    assert [violation["id"] for violation in violations] == []
    assert told == []
    assert [request.url for request in asked] == [file.as_uri()]
    assert scrolled == width
    assert charts == 7
