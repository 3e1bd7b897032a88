"""The most one turn of an item can cost, by the prompts it would send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.classifier.judge import MAX_OUTPUT_TOKENS
from routing.errors import UsageError

if TYPE_CHECKING:
    from workers.accounting import Accountant
    from workers.turn import Turn


def turn_bound(accountant: Accountant, turn: Turn) -> int:
    """Return the most a turn that has not begun can cost, in nano-dollars. It writes the turn's prompts."""
    return _judge_bound(accountant, turn) + _tier_bound(accountant, turn)


def _judge_bound(accountant: Accountant, turn: Turn) -> int:
    judge = turn.steered.judge
    if judge is None or not turn.is_undecided:
        return 0
    try:
        prompt = turn.judge_prompt(judge)
    except UsageError:
        return 0  # what cannot be written is not sent
    return accountant.call_bound([judge.model], prompt, MAX_OUTPUT_TOKENS)


def _tier_bound(accountant: Accountant, turn: Turn) -> int:
    try:
        turn.write_prompt()
    except UsageError:
        return 0
    task = turn.task.task
    tier = task.tier(turn.item.tier)
    models, longest = turn.variant.models(tier.name), task.max_output_tokens
    # Asking for failed fields may be followed by asking for everything.
    again = tier.repair + (tier.ask == "failed_fields")
    first = accountant.call_bound(models, turn.prompt, longest)
    return first + again * accountant.repair_bound(models, turn.whole_prompt, longest) if again else first
