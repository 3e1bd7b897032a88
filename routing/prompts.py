"""What each tier is told about a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.completion import Message, Prompt
from routing.templates import Template

if TYPE_CHECKING:
    from routing.json_value import JsonObject
    from routing.task import FrozenTask, TierSpec

VARIABLES = frozenset({"text", "metadata", "custom_id", "pages"})
"""What a prompt may name."""


class _TierPrompt:
    def __init__(self, tier: TierSpec) -> None:
        self.system = Template(tier.system)
        self.user = Template(tier.user)


class PromptSet:
    """The prompts of a task, compiled. `schema` is the JSON Schema that answers are asked to follow.

    Raises UsageError where a template is wrong.
    """

    def __init__(self, task: FrozenTask, schema: JsonObject) -> None:
        self._tiers = {tier.name: _TierPrompt(tier) for tier in task.tiers}
        self._schema = schema

    def prompt(
        self, tier: str, text: str, metadata: JsonObject, custom_id: str = "", pages: int | None = None
    ) -> Prompt:
        """Return the conversation for a document. Raises UsageError where it lacks what the template asks for."""
        variables = {"text": text, "metadata": metadata, "custom_id": custom_id, "pages": pages}
        templates = self._tiers[tier]
        system = templates.system.render(variables)
        user = Message("user", templates.user.render(variables))
        stable = not templates.system.variables
        messages = (Message("system", system, stable=stable), user) if system.strip() else (user,)
        return Prompt(messages, self._schema)
