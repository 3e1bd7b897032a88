"""The keys of a task file, section by section."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")]

MOST_RULES = 100
"""Of each kind. One may take a millisecond to compile, and every document is held against all of them."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PromptSection(_Section):
    """What every tier is told unless it says otherwise: texts, or names of files in the task's folder."""

    system: str = ""
    user: str = "{{ text }}"


class ConfidenceSection(_Section):
    """The least confidence to accept, and where it is read from."""

    min: float = Field(ge=0, le=1)
    source: Literal["logprobs", "self_report"] = Field(alias="from")


class AgreementSection(_Section):
    """A second model to ask in the same tier; without `tiers`, in every tier but the last."""

    model: str
    fields: list[str] = Field(min_length=1)
    tiers: list[str] | None = None
    min: float = Field(default=1, ge=0, le=1)


class ChecksSection(_Section):
    """What an output must pass besides its schema."""

    grounded: list[str] = []
    rules: list[str] = Field(default=[], max_length=MOST_RULES)
    confidence: ConfidenceSection | None = None
    agreement: AgreementSection | None = None
    max_output_chars: int | None = Field(default=None, ge=1)


class BenefitSection(_Section):
    """The least share of such failures a tier has to mend for items to be sent to it."""

    least: float = Field(gt=0, le=1)
    min_pairs: int = Field(default=50, ge=20)


class TierSection(_Section):
    """A rung of the ladder."""

    name: Name
    model: str
    system: str | None = None
    user: str | None = None
    repair: int = Field(default=0, ge=0, le=5)
    ask: Literal["whole", "failed_fields"] = "whole"
    benefit: BenefitSection | None = None


class RouteRuleSection(_Section):
    """A condition over an item's facts, and the tier it sends the item to, or `classify`."""

    id: Name
    condition: str = Field(alias="if")
    tier: str


class JudgeSection(_Section):
    """A model that is asked how likely the first tier is to pass; without `system`, in words of ours."""

    model: str
    system: str | None = None
    user: str = "{{ text }}"


class ClassifierSection(_Section):
    """A classifier trained on what became of this task's documents, a judge, or both."""

    train_from: Literal["outcomes"] | None = None
    judge: JudgeSection | None = None
    band: float = Field(default=0.1, gt=0, le=0.5)
    min_labels: int = Field(default=500, ge=100)
    threshold: float | None = Field(default=None, ge=0, le=1)


class RouteSection(_Section):
    """How the first tier of an item is chosen."""

    rules: list[RouteRuleSection] = Field(default=[], max_length=MOST_RULES)
    classifier: ClassifierSection | None = None


class ConditionSection(_Section):
    """How much worse than the usual model a canary may surely be."""

    pass_rate_drop: float | None = Field(default=None, ge=0, le=1)
    cost_rise: float | None = Field(default=None, gt=-1, allow_inf_nan=False)
    confidence: float = Field(default=0.95, ge=0.5, lt=1)


class CanarySection(_Section):
    """A share of a tier's items that a new model gets."""

    tier: str
    model: str
    share: float = Field(gt=0, le=100)
    system: str | None = None
    user: str | None = None
    rollback_if: ConditionSection | None = None
    promote_if: ConditionSection | None = None


class RolloutSection(_Section):
    """How much of a task's items may do what, in percent."""

    ramp: float = Field(default=100, ge=0, le=100)
    holdout: float = Field(default=0, ge=0, le=100)
    canary: CanarySection | None = None
    salt: str = ""


class CircuitSection(_Section):
    """When a job stops because nearly everything is escalated."""

    max_escalation: float = Field(default=0.9, gt=0, le=1)
    window: int = Field(default=200, ge=20)


class TargetSection(_Section):
    """The quality to keep, as users think of it."""

    margin: float = Field(gt=0, lt=1)
    confidence: float = Field(default=0.95, ge=0.5, lt=1)


class CacheSection(_Section):
    """Whether accepted answers are kept and given again, and within what limits."""

    mode: Literal["off", "read", "write"]
    max_age_days: float = Field(default=30, gt=0, le=3650)
    max_mb: int = Field(default=500, ge=1)


class InputSection(_Section):
    """Where a row keeps the parts of a document."""

    custom_id: str = "custom_id"
    text: str = "text"
    expected: str = "expected"


class BudgetSection(_Section):
    """The most a job, and one item of it, may cost, in dollars, and what follows where it is used up."""

    usd: Decimal | None = Field(default=None, gt=0)
    per_item_usd: Decimal | None = Field(default=None, gt=0)
    on_exceed: Literal["pause", "cheap_only", "fail"] = "pause"


class TaskFile(_Section):
    """A task file's keys."""

    task: Name
    output_schema: str = Field(alias="schema")
    prompt: PromptSection = PromptSection()
    checks: ChecksSection = ChecksSection()
    tiers: list[TierSection] = Field(min_length=1)
    compare: dict[str, str] = {}
    input: InputSection = InputSection()
    route: RouteSection = RouteSection()
    rollout: RolloutSection = RolloutSection()
    circuit: CircuitSection = CircuitSection()
    cache: CacheSection = CacheSection(mode="off")
    target: TargetSection | None = None
    budget: BudgetSection = BudgetSection()
    max_output_tokens: int = Field(default=1024, ge=1, le=1_000_000)
