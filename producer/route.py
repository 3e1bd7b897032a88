"""Where each document of some inputs would go, and why, without any call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from producer.documents.intake import read_documents
from producer.documents.refusal import Refusal
from routing.classifier.judge import is_close
from routing.item_facts import ItemFacts
from routing.router import Router
from routing.row_reader import RowReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from routing.classifier.trained import TrainedClassifier
    from routing.decision import Decision
    from routing.deployment import Flag
    from routing.document import Document
    from routing.rollout import Rollout
    from routing.task import FrozenTask


@dataclass(frozen=True, slots=True)
class Routed:
    """A document's name, the decision, the model it would meet, and the shares it falls into.

    Where it `asks_judge`, a call would have to be made to decide; the decision is what follows without that.
    """

    custom_id: str
    decision: Decision
    model: str
    is_canary: bool
    is_holdout: bool
    asks_judge: bool


def route(
    task: FrozenTask,
    rollout: Rollout,
    classifier: TrainedClassifier | None,
    flags: Mapping[str, Flag],
    inputs: Sequence[str | Path],
    now_ms: int,
) -> Iterator[Routed | Refusal]:
    """Yield the decision for each document at that time, and a refusal for each input that is none.

    Raises UsageError for an input that is not there.
    """
    router = Router(task)
    predict = None if classifier is None else classifier.predict
    usual, canary = rollout.applied(task), rollout.with_canary(task)

    spec = task.route.classifier

    def asks_judge(custom_id: str, facts: ItemFacts) -> bool:
        if spec is None or spec.judge is None or not router.asks_classifier(custom_id, facts, rollout):
            return False
        return is_close(None if predict is None else predict(facts), spec.band)

    def routed(document: Document) -> Routed:
        facts = ItemFacts(task.name, document.text, document.pages, document.metadata, flags, now_ms)
        decision = router.decide(document.custom_id, facts, rollout, predict)
        is_canary = (
            rollout.canary is not None
            and rollout.canary.tier == decision.tier
            and rollout.is_canary(task.name, document.custom_id)
        )
        chosen = canary if is_canary and canary is not None else usual
        is_holdout = decision.tier != task.tiers[-1].name and rollout.is_holdout(task.name, document.custom_id)
        model = chosen.tier(decision.tier).model
        judged = asks_judge(document.custom_id, facts)
        return Routed(document.custom_id, decision, model, is_canary, is_holdout, judged)

    for document in read_documents(inputs, RowReader(task.input)):
        yield document if isinstance(document, Refusal) else routed(document)
