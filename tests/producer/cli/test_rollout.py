"""Changing a rollout from the command line, and reading who did what."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine

RECEIPTS = Path(__file__).parents[3] / "examples" / "receipts"


@pytest.fixture
def task() -> Path:
    """A task with its deployment beside it."""
    return RECEIPTS


def test_a_ramp_is_changed_and_told(cheapfirst: CommandLine, task: Path) -> None:
    """From what to what, in which revision, and that running jobs follow."""
    changed = cheapfirst("ramp", task, "--to", "30", "--why", "begin small", "--by", "ann")
    assert (changed.code, changed.err) == (0, "")
    assert "ramp 100 % -> ramp 30 % (revision 1). Running jobs follow within 5 s." in changed.out
    shown = cheapfirst("rollout", task)
    assert "ramp 30 % (revision 1)" in shown.out
    assert "ramp by ann: begin small -> ramp 30 %" in shown.out


def test_every_step_of_a_rollout_can_be_undone(cheapfirst: CommandLine, task: Path) -> None:
    """Holdout, canary, promotion; rolled back one by one, until nothing is left."""
    assert cheapfirst("holdout", task, "--to", "2").code == 0
    assert cheapfirst("canary", task, "--model", "large", "--share", "10").code == 0
    assert "cheap by large" in cheapfirst("promote", task).out
    assert "canary large on 10 % of cheap" in cheapfirst("rollback", task).out
    assert "back to ramp 100 %, holdout 2 % (revision 5)" in cheapfirst("rollback", task).out
    assert cheapfirst("rollback", task).code == 0
    ended = cheapfirst("rollback", task)
    assert (ended.code, "no change of this rollout to undo" in ended.err) == (2, True)
    told = cheapfirst("rollout", task, "--json").json
    assert [row["action"] for row in told["history"]] == ["holdout", "canary", "promote", *["rollback"] * 3]
    assert (told["rollout"]["holdout"], told["rollout"]["revision"]) == (0, 6)


def test_undoing_the_only_change_gives_control_back_to_the_file(cheapfirst: CommandLine, tmp_path: Path) -> None:
    """What is written there afterwards holds."""
    task = tmp_path / "receipts"
    shutil.copytree(RECEIPTS, task)
    assert cheapfirst("ramp", task, "--to", "60").code == 0
    assert cheapfirst("rollback", task).code == 0
    file = task / "task.yaml"
    file.write_text(f"{file.read_text()}\nrollout: {{ramp: 20}}\n")
    assert "ramp 20 % (as its file says, revision 2)" in cheapfirst("rollout", task).out
    assert "ramp 20 % -> ramp 30 % (revision 3)" in cheapfirst("ramp", task, "--to", "30").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("canary", "--model", "lagre", "--share", "10"), "did you mean `large`?"),
        (("canary", "--model", "large", "--share", "10", "--tier", "cheep"), "did you mean `cheap`?"),
        (("canary", "--model", "large", "--share", "0"), "--share"),
        (("ramp", "--to", "101"), "--to"),
        (("promote",), "There is no canary to promote"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(
    cheapfirst: CommandLine, task: Path, arguments: tuple[str, ...], message: str
) -> None:
    """With what was probably meant, and nothing is changed."""
    ended = cheapfirst(arguments[0], task, *arguments[1:])
    assert (ended.code, message in ended.err) == (2, True), ended.err
    assert cheapfirst("rollout", task, "--json").json["history"] == []


def test_a_canary_may_have_a_prompt_of_its_own(cheapfirst: CommandLine, task: Path, tmp_path: Path) -> None:
    """It is checked before anything is changed."""
    prompt = tmp_path / "new.md"
    canary = ("canary", task, "--model", "large", "--share", "5", "--system", prompt)
    assert "cannot be read as a prompt" in cheapfirst(*canary).err
    prompt.write_text("Read {{ document }}")
    assert "names `document`" in cheapfirst(*canary).err
    prompt.write_text("Read with care.")
    assert cheapfirst(*canary).code == 0
    assert cheapfirst("rollout", task, "--json").json["rollout"]["canary"]["system"] == "Read with care."


def test_a_canary_has_conditions_and_how_it_stands(cheapfirst: CommandLine, task: Path) -> None:
    """Both models are told, before anything has happened as well."""
    options = ("--rollback-if", "pass_rate_drop=0.03,cost_rise=0.5", "--promote-if", "cost_rise=-0.1,confidence=0.99")
    assert cheapfirst("canary", task, "--model", "large", "--share", "10", *options).code == 0
    told = cheapfirst("rollout", task, "--json").json
    canary = told["rollout"]["canary"]
    assert (canary["rollback_if"]["pass_rate_drop"], canary["promote_if"]["confidence"]) == (0.03, 0.99)
    nothing = {"items": 0, "passed": 0, "mean_cost_usd": None}
    assert told["canary"] == [{"canary": True, **nothing}, {"canary": False, **nothing}]
    assert "canary: 0 of 0 passed" in cheapfirst("rollout", task).out


@pytest.mark.parametrize(
    "text", ["pass_rate=0.03", "pass_rate_drop", "pass_rate_drop=much", "confidence=0.9", "", "a=1"]
)
def test_what_is_no_condition_is_refused(cheapfirst: CommandLine, task: Path, text: str) -> None:
    """With the form it has."""
    ended = cheapfirst("canary", task, "--model", "large", "--share", "10", "--rollback-if", text)
    assert (ended.code, "Write pass_rate_drop=0.03" in ended.err) == (2, True)
