"""Reading documents for a plan: nothing is written down and nothing is called."""

from __future__ import annotations

import dataclasses
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evaluation.planning.survey import Bound, Survey, Surveyed, TierBounds
from producer.documents.intake import read_documents
from producer.documents.refusal import Refusal
from producer.plan_sample import SampleDraw
from routing.classifier.judge import MAX_OUTPUT_TOKENS, is_close
from routing.compiled_task import CompiledTask
from routing.completion import TokenUsage
from routing.errors import UsageError
from routing.item_facts import CHARACTERS_PER_TOKEN, ItemFacts
from routing.router import Router
from routing.row_reader import RowReader
from workers.accounting import REPAIR_REQUEST_TOKENS
from workers.active_classifier import active_classifier, active_judge
from workers.prompt_size import tokens_at_most

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from routing.classifier.judge import Judge
    from routing.classifier.trained import TrainedClassifier
    from routing.completion import Prompt
    from routing.deployment import DeploymentSpec, Flag
    from routing.document import Document
    from routing.price import PriceList
    from routing.rollout import Rollout
    from routing.task import FrozenTask, TierSpec
    from storage.database import Database


@dataclass(frozen=True, slots=True)
class Seen:
    """What the inputs hold: documents, those of them that would be sampled, and what is refused, by reason."""

    survey: Survey
    draw: SampleDraw
    refused: Counter[str] = field(default_factory=Counter)
    unwritable: int = 0


class Surveyor:
    """Looks at documents as the router, the prompts and the budgets see them.

    `task` is as its file says, with the `rollout` that stands. Raises UsageError where it does not compile.
    """

    def __init__(
        self, database: Database, task: FrozenTask, rollout: Rollout, deployment: DeploymentSpec, prices: PriceList
    ) -> None:
        self._task, self._rollout, self._prices = task, rollout, prices
        self._flags: Mapping[str, Flag] = deployment.flags
        self._running = rollout.applied(task)
        self._compiled = CompiledTask(self._running)
        self._router = Router(task)
        self._classifier: TrainedClassifier | None = active_classifier(database, prices, task, rollout)
        self._judge: Judge | None = active_judge(database, prices, task, rollout)

    def survey(self, inputs: Sequence[str | Path], sample: int) -> Seen:
        """Read all inputs once. Raises UsageError for an input that is not there, and where no document is."""
        ladder = tuple(tier.name for tier in self._task.tiers)
        survey, draw, refused, unwritable = Survey(ladder), SampleDraw(sample, self._task.name), Counter[str](), 0
        now_ms = time.time_ns() // 1_000_000
        for document in read_documents(inputs, RowReader(self._task.input)):
            if isinstance(document, Refusal):
                refused[document.code.value] += 1
                continue
            looked_at = self._look(document, now_ms)
            if looked_at is None:
                unwritable += 1
                continue
            survey.add(looked_at)
            draw.offer(document.custom_id, looked_at.characters, self._sampled_at_most(survey, looked_at))
        if not survey.documents:
            raise UsageError(
                f"The inputs hold no document to plan for; {refused.total() + unwritable} were refused.",
                "`cheapfirst submit` or `run` lists them with their reasons.",
            )
        return Seen(survey, draw, refused, unwritable)

    def _look(self, document: Document, now_ms: int) -> Surveyed | None:
        """Return what is known of a document, None where a prompt cannot be written for it."""
        facts = ItemFacts(self._task.name, document.text, document.pages, document.metadata, self._flags, now_ms)
        predict = None if self._classifier is None else self._classifier.predict
        decision = self._router.decide(document.custom_id, facts, self._rollout, predict)
        last = self._task.tiers[-1].name
        try:
            tiers = {tier.name: self._bounds(tier, document) for tier in self._running.tiers}
            judge = self._judge_bound(document, facts)
        except UsageError:
            return None
        return Surveyed(
            characters=len(document.text),
            start=decision.tier,
            holdout=decision.tier != last and self._rollout.is_holdout(self._task.name, document.custom_id),
            judge=judge,
            tiers=tiers,
        )

    def _bounds(self, tier: TierSpec, document: Document) -> TierBounds:
        prompt = self._compiled.prompt(
            tier.name,
            text=document.text,
            metadata=document.metadata,
            custom_id=document.custom_id,
            pages=document.pages,
        )
        second = self._compiled.second_opinion(tier.name)
        models = [tier.model] if second is None else [tier.model, second]
        again = tier.repair + (tier.ask == "failed_fields")
        return TierBounds(
            plain=self._bound([tier.model], prompt, tier.repair), visit=self._bound(models, prompt, again)
        )

    def _bound(self, models: Sequence[str], prompt: Prompt, again: int) -> Bound:
        """Return the most that a prompt and so many repairs after it take, as budgets reserve for them."""
        longest, asked = self._task.max_output_tokens, tokens_at_most(prompt)
        repair = asked + longest + REPAIR_REQUEST_TOKENS
        calls = len(models) * (1 + again)
        cost = sum(
            self._prices.most(model, TokenUsage(asked, longest))
            + again * self._prices.most(model, TokenUsage(repair, longest))
            for model in models
        )
        return Bound(
            calls=calls,
            first_tokens=_estimated_tokens(prompt),
            input_tokens=len(models) * (asked + again * repair),
            output_tokens=calls * longest,
            cost_nano_usd=cost,
        )

    def _judge_bound(self, document: Document, facts: ItemFacts) -> Bound | None:
        """Return the most that asking a judge takes, None where none would be asked."""
        spec = self._task.route.classifier
        if spec is None or self._judge is None:
            return None
        if not self._router.asks_classifier(document.custom_id, facts, self._rollout):
            return None
        if not is_close(None if self._classifier is None else self._classifier.predict(facts), spec.band):
            return None
        prompt = self._judge.prompt(document.text, document.metadata, document.custom_id, document.pages)
        asked = tokens_at_most(prompt)
        cost = self._prices.most(self._judge.model, TokenUsage(asked, MAX_OUTPUT_TOKENS))
        return Bound(1, _estimated_tokens(prompt), asked, MAX_OUTPUT_TOKENS, cost)

    def _sampled_at_most(self, survey: Survey, document: Surveyed) -> int:
        """Return the most a document costs where it is sampled: up the ladder, and alone on the last tier."""
        last = document.tiers[survey.ladder[-1]].plain
        opened = dataclasses.replace(document, start=survey.ladder[0])
        return survey.bound_of(opened).cost_nano_usd + last.cost_nano_usd


def _estimated_tokens(prompt: Prompt) -> int:
    written = sum(len(message.content) for message in prompt.messages) + len(json.dumps(prompt.schema))
    return -(-written // CHARACTERS_PER_TOKEN)
