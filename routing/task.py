"""The frozen task: everything that says what to do with an item, by value, so that later edits change nothing.

It is what a task file becomes once its schema and prompts are read in, what a job stores, and what workers compile.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PydanticSchema(_Frozen):
    """A pydantic model: the module's source text and the class's name in it."""

    kind: Literal["pydantic"] = "pydantic"
    source: str
    class_name: str
    json_schema: dict[str, JsonValue]


class JsonSchema(_Frozen):
    """A JSON Schema document. It never refers to anything outside itself."""

    kind: Literal["json_schema"] = "json_schema"
    json_schema: dict[str, JsonValue]


class BenefitSpec(_Frozen):
    """Send items to a tier only where it mends at least this share of such failures, after `min_pairs` of them."""

    least: float = Field(gt=0, le=1)
    min_pairs: int = Field(default=50, ge=20)


class TierSpec(_Frozen):
    """One rung of the ladder: the queue's name, the deployment's name of its model, and what it is told.

    `repair` is how often this tier is asked again with the failed checks told, before the item goes up. `ask` says
    whether what comes from below is asked whole, or for its failed fields first; `benefit` what may come at all.
    """

    name: str
    model: str
    system: str
    user: str
    repair: int = Field(default=0, ge=0)
    ask: Literal["whole", "failed_fields"] = "whole"
    benefit: BenefitSpec | None = None


class ConfidenceSpec(_Frozen):
    """Accept only where the model is sure: the least probability, and where it is read from."""

    min: float = Field(ge=0, le=1)
    source: Literal["logprobs", "self_report"]


class AgreementSpec(_Frozen):
    """Accept only where a second model, asked the same in the same tier, says the same for these fields.

    `min` is the share of them that is enough.
    """

    model: str
    fields: tuple[str, ...] = Field(min_length=1)
    tiers: tuple[str, ...]
    min: float = Field(default=1.0, ge=0, le=1)


class ChecksSpec(_Frozen):
    """What an output must pass besides its schema, in the order they are told to the user."""

    grounded: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    confidence: ConfidenceSpec | None = None
    agreement: AgreementSpec | None = None
    max_output_chars: int | None = None


class InputSpec(_Frozen):
    """Where a row of JSONL or CSV keeps the parts of a document.

    `custom_id` and `expected` are keys (dots go into nested objects); `text` is a key, or a template over the row.
    """

    custom_id: str = "custom_id"
    text: str = "text"
    expected: str = "expected"


class OnExceed(StrEnum):
    """What follows where a budget is used up."""

    PAUSE = "pause"  # the job stops; what is not done stays queued
    CHEAP_ONLY = "cheap_only"  # the first tier goes on; what needs a later one ends as failed
    FAIL = "fail"  # what is not paid for ends as failed


class BudgetSpec(_Frozen):
    """The most a job, and one item of it, may cost, in dollars, and what follows where the job's is used up."""

    usd: Decimal | None = None
    per_item_usd: Decimal | None = None
    on_exceed: OnExceed = OnExceed.PAUSE


class RouteRuleSpec(_Frozen):
    """Items for which `condition` holds go to `tier`, or to the classifier where that is `classify`."""

    id: str
    condition: str
    tier: str


class JudgeSpec(_Frozen):
    """A model that is asked how likely the first tier is to pass, and what it is told."""

    model: str
    system: str
    user: str


class ClassifierSpec(_Frozen):
    """A classifier of whether the first tier passes: trained on at least `min_labels` outcomes, a judge, or both.

    With both, the judge is asked where the trained one lies within `band` of the threshold, or is not there yet.
    `threshold` is a person's own, None where it follows from what the tiers cost and from the quality target.
    """

    trained: bool = True
    judge: JudgeSpec | None = None
    band: float = Field(default=0.1, gt=0, le=0.5)
    min_labels: int = Field(default=500, ge=1)
    threshold: float | None = Field(default=None, ge=0, le=1)


class RouteSpec(_Frozen):
    """How the first tier of an item is chosen: rules in order, then the classifier."""

    rules: tuple[RouteRuleSpec, ...] = ()
    classifier: ClassifierSpec | None = None


class ConditionSpec(_Frozen):
    """How much worse than the usual model a canary may surely be; it never holds where neither limit is given.

    `pass_rate_drop` is a share, 0.03 for 3 points; `cost_rise` is relative, 0.2 for 20 %, and may be negative.
    `confidence` holds over all looks together.
    """

    pass_rate_drop: float | None = Field(default=None, ge=0, le=1)
    cost_rise: float | None = Field(default=None, gt=-1, allow_inf_nan=False)
    confidence: float = Field(default=0.95, ge=0.5, lt=1)


class CanarySpec(_Frozen):
    """A share of a tier's items that a new model gets, in percent; prompts not given are the tier's own.

    It is rolled back where `rollback_if` surely holds, and promoted where `promote_if` does.
    """

    tier: str
    model: str
    share: float = Field(gt=0, le=100)
    system: str | None = None
    user: str | None = None
    rollback_if: ConditionSpec | None = None
    promote_if: ConditionSpec | None = None


class RolloutSpec(_Frozen):
    """How much of a task's items may do what, in percent, chosen by a stable hash with `salt`.

    `ramp` may start cheap, the rest go straight to the last tier. `holdout` also run on the last tier.
    """

    ramp: float = Field(default=100, ge=0, le=100)
    holdout: float = Field(default=0, ge=0, le=100)
    canary: CanarySpec | None = None
    salt: str = ""


class CircuitSpec(_Frozen):
    """Stop the job where more than `max_escalation` of the last `window` verdicts of a tier sent items up."""

    max_escalation: float = Field(default=0.9, gt=0, le=1)
    window: int = Field(default=200, ge=20)


class TargetSpec(_Frozen):
    """The quality to keep: no more than `margin` of what starts cheap differs from the last tier, at a confidence."""

    margin: float = Field(gt=0, lt=1)
    confidence: float = Field(default=0.95, ge=0.5, lt=1)


class CacheSpec(_Frozen):
    """Whether accepted answers are kept and given again, for how long, and how much of a task's is kept."""

    mode: Literal["off", "read", "write"] = "off"
    max_age_days: float = Field(default=30, gt=0)
    max_mb: int = Field(default=500, ge=1)


class TrialSpec(_Frozen):
    """What makes a task a trial of another one: apart from it in all that is counted and learned, alike in how it runs.

    `task` is the other one's name, `classifier` and `calibration` the versions that were active when it was made.
    `models` is a digest of the deployment's models, `turn` grows where the same trial is to run once more: with either,
    it is another job.
    """

    task: str
    classifier: int | None = None
    calibration: int | None = None
    models: str = ""
    turn: int = 0


class FrozenTask(_Frozen):
    """A task by value. `compare` maps a field to its comparator (`exact`, `number`, `date`, `fuzzy:0.9`).

    `comparator_sources` holds the Python files that custom comparators name.
    """

    name: str
    output: PydanticSchema | JsonSchema = Field(discriminator="kind")
    tiers: tuple[TierSpec, ...] = Field(min_length=1)
    checks: ChecksSpec = ChecksSpec()
    input: InputSpec = InputSpec()
    compare: dict[str, str] = Field(default_factory=dict)
    comparator_sources: dict[str, str] = Field(default_factory=dict)
    budget: BudgetSpec = BudgetSpec()
    route: RouteSpec = RouteSpec()
    rollout: RolloutSpec = RolloutSpec()
    circuit: CircuitSpec = CircuitSpec()
    cache: CacheSpec = CacheSpec()
    target: TargetSpec | None = None
    trial: TrialSpec | None = None
    max_output_tokens: int = Field(default=1024, ge=1)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the task's canonical JSON, in hex: equal for equal tasks, wherever they were read from."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def taught_as(self) -> str:
        """The name under which the ledger keeps what this task has learned: a trial's is that of the task it tries."""
        return self.name if self.trial is None else self.trial.task

    def to_json(self) -> str:
        """Return the canonical JSON a job stores; `model_validate_json` reads it back."""
        return self.model_dump_json()

    def tier(self, name: str) -> TierSpec:
        """Return the tier of this name. Raises KeyError where the task has none."""
        for tier in self.tiers:
            if tier.name == name:
                return tier
        raise KeyError(name)

    def tier_after(self, name: str) -> TierSpec | None:
        """Return the next rung of the ladder, None on the last one."""
        names = [tier.name for tier in self.tiers]
        following = names.index(name) + 1
        return self.tiers[following] if following < len(names) else None
