"""The decision log on the command line."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from producer.decision_log import LogRow
from storage import recording
from storage.records import DecisionRecord, ItemRecord, Routed
from tests.support.ended_jobs import LedgerJob, documents
from tests.support.ledgers import claim

if TYPE_CHECKING:
    from storage.database import Database
    from tests.support.command_line import CommandLine

DOCS = Path(__file__).parents[3] / "docs" / "decision-log.md"


def _job(ledger: Database) -> None:
    job = LedgerJob(ledger, documents("a", "b", "c"))
    job.accept({})
    job.escalate_and_accept({}, ("rules", "total"))
    claim(ledger, 1, [3], token="t")
    decision = DecisionRecord(
        uuid.uuid4(),
        1_700_000_000_000,
        "expensive",
        "large",
        "rule",
        "rule_matched",
        rule="long",
        version="task:abc",
        signals='{"characters":2000}',
    )
    recording.write(
        ledger, [ItemRecord(1, 3, "cheap", "t", Routed("expensive", "rule", "x"), (), decisions=(decision,))]
    )


def test_a_log_has_a_row_for_each_decision_and_call(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """In the order of the input; every row has the same fields, and none the answer."""
    _job(home_ledger)
    rows = [json.loads(line) for line in cheapfirst("log", "--json").out.splitlines()]
    assert [(row["custom_id"], row["kind"], row["tier"]) for row in rows] == [
        ("a", "call", "cheap"),
        ("b", "call", "cheap"),
        ("b", "call", "expensive"),
        ("c", "decision", "expensive"),
    ]
    assert all(list(row) == list(LogRow.__annotations__) for row in rows)
    assert rows[1]["failed"] == ["rules/total"]
    assert rows[3]["signals"] == {"characters": 2000}
    assert "an" not in {value for row in rows for value in row.values() if isinstance(value, str)}


def test_rows_can_be_chosen_by_an_expression(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """Over any field, signals and failed checks included."""
    _job(home_ledger)
    chosen = {
        "layer == 'rule' and signals.characters > 1000": ["c"],
        "kind == 'call' and cost_usd > 0.005": ["b"],
        "outcome == 'rejected' and 'rules/total' in failed": ["b"],
        "item_state == 'done'": ["a", "b", "b"],
    }
    for where, names in chosen.items():
        lines = cheapfirst("log", "--where", where, "--json").out.splitlines()
        assert [json.loads(line)["custom_id"] for line in lines] == names
    wrong = cheapfirst("log", "--where", "layr == 'rule'")
    assert (wrong.code, "--where, column 1: a row has no field `layr`" in wrong.err) == (2, True)


def test_a_person_reads_a_line_each(cheapfirst: CommandLine, home_ledger: Database) -> None:
    """What was decided and why; what was called, what it cost and what failed."""
    _job(home_ledger)
    lines = cheapfirst("log").out.splitlines()
    assert "rule/rule_matched  rule long  task:abc  characters=2000" in lines[3]
    assert re.search(r"escalation/verdict_failed  accepted  \$0.01", lines[2])


def test_every_field_is_documented() -> None:
    """The catalogue names each field of a row once, and no other."""
    named = re.findall(r"^\| `([^`]+)` \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert named == list(LogRow.__annotations__)
