"""What comes after a verdict: accept, hand on to the next tier, or give up. The third layer of the router."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.decision import Cause, Decision, Layer
from routing.immutable import immutable

if TYPE_CHECKING:
    from routing.task import FrozenTask
    from routing.verdict import Verdict


@immutable
class Accept:
    """The output is the item's result."""


@immutable
class Escalate:
    """The item goes to another tier."""

    decision: Decision


@immutable
class Fail:
    """There is no further tier; a person has to look."""


Step = Accept | Escalate | Fail


def next_step(task: FrozenTask, tier: str, verdict: Verdict) -> Step:
    """Return what follows from the verdict of one attempt in `tier`.

    Raises ValueError where the task has no such tier. Provider trouble brings no verdict, and so never escalates.
    """
    if verdict.passed:
        return Accept()
    following = task.tier_after(tier)
    if following is None:
        return Fail()
    return Escalate(Decision(following.name, Layer.ESCALATION, Cause.VERDICT_FAILED))
