"""SECURITY.md: each promise names the test that holds it."""

from __future__ import annotations

import re

from tests.support.runs import ROOT

_PAGE = (ROOT / "SECURITY.md").read_text()


def test_each_promise_names_tests_that_exist() -> None:
    """A row without a test is no promise."""
    table = _PAGE.partition("## What holds")[2].partition("##")[0]
    rows = [row.split("|")[1:-1] for row in table.splitlines() if row.startswith("|")][2:]
    assert len(rows) > 10
    named = {promise: re.findall(r"`(tests/[\w/]+\.py)`", tests) for promise, tests in rows}
    assert [promise for promise, tests in named.items() if not tests] == []
    assert [test for tests in named.values() for test in tests if not (ROOT / test).is_file()] == []


def test_every_file_of_hostile_input_holds_a_promise() -> None:
    """What is tested and not told is looked for in vain."""
    real_data = {"test_documents_real.py", "test_model_output_real.py"}
    about = real_data | {"test_security_page.py", "test_silent_database.py"}
    files = {file.name for file in (ROOT / "tests/hostile").glob("test_*.py")} - about
    assert [file for file in sorted(files) if f"`tests/hostile/{file}`" not in _PAGE] == []
