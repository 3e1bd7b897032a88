"""The rollout of a task as it stands: what share may start cheap, what is tried out, what is measured.

A job's frozen task says how a rollout begins; what people and conditions change afterwards is a new revision of it, and
holds for every job of the task, running ones included.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from routing.task import CanarySpec

if TYPE_CHECKING:
    from routing.task import FrozenTask, RolloutSpec, TierSpec


class TierOverride(BaseModel):
    """The model and prompts a tier has since a canary was promoted; prompts not given are the task file's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    system: str | None = None
    user: str | None = None


class Rollout(BaseModel):
    """One revision of a task's rollout. Shares are in percent.

    `classifier` and `calibration` are the active versions of the trained classifier and of the derived thresholds.

    Revision 0 is what the task file says. `canary_since` is the revision that set the canary: one that is set anew is
    judged anew. With `follows_file`, every change was undone: only the revision and `canary_since` still count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    revision: int = 0
    ramp: float = Field(default=100, ge=0, le=100)
    holdout: float = Field(default=0, ge=0, le=100)
    canary: CanarySpec | None = None
    canary_since: int = 0
    promoted: dict[str, TierOverride] = Field(default_factory=dict)
    classifier: int | None = None
    calibration: int | None = None
    salt: str = ""
    follows_file: bool = False

    @classmethod
    def of_task(cls, spec: RolloutSpec) -> Rollout:
        """Return the rollout a task file describes."""
        return cls(ramp=spec.ramp, holdout=spec.holdout, canary=spec.canary, salt=spec.salt)

    @property
    def version(self) -> str:
        """What decisions name: `rollout:3`."""
        return f"rollout:{self.revision}"

    def may_start_cheap(self, task: str, item: str) -> bool:
        """Tell whether an item lies within the ramp. Raising the ramp only ever adds items."""
        return _is_within(self.ramp, task, item, f"{self.salt}/ramp")

    def is_holdout(self, task: str, item: str) -> bool:
        """Tell whether an item also runs on the last tier."""
        return _is_within(self.holdout, task, item, f"{self.salt}/holdout")

    def is_canary(self, task: str, item: str) -> bool:
        """Tell whether an item gets the canary's model, in the canary's tier."""
        return self.canary is not None and _is_within(self.canary.share, task, item, f"{self.salt}/canary")

    def applied(self, task: FrozenTask) -> FrozenTask:
        """Return the task with the promoted models in their tiers."""
        return _with_overrides(task, self.promoted)

    def with_canary(self, task: FrozenTask) -> FrozenTask | None:
        """Return the task that the canary's items run, None where there is no canary."""
        if self.canary is None:
            return None
        canary = TierOverride(model=self.canary.model, system=self.canary.system, user=self.canary.user)
        return _with_overrides(self.applied(task), {self.canary.tier: canary})


def standing(newest: Rollout | None, spec: RolloutSpec) -> Rollout:
    """Return how a rollout stands: its newest revision, or what the task file says where no change holds."""
    said = Rollout.of_task(spec)
    if newest is None:
        return said
    if not newest.follows_file:
        return newest
    return said.model_copy(update={"revision": newest.revision, "canary_since": newest.canary_since})


def share_point(task: str, item: str, salt: str) -> float:
    """Return where an item stands in [0, 100): the same for the same task, item and salt, in every job and process."""
    digest = hashlib.blake2b(f"{salt}\0{task}\0{item}".encode(errors="surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * 100 / 2**53  # 53 bits: what a float holds, so that 100 is never met


def _is_within(share: float, task: str, item: str, salt: str) -> bool:
    """Tell whether an item is of a share. Nearly every item is asked about all or none of them, which needs no hash."""
    return share > 0 and (share >= 100 or share_point(task, item, salt) < share)  # noqa: PLR2004  per cent


def _with_overrides(task: FrozenTask, overrides: dict[str, TierOverride]) -> FrozenTask:
    return task.model_copy(update={"tiers": tuple(_tier(tier, overrides.get(tier.name)) for tier in task.tiers)})


def _tier(tier: TierSpec, override: TierOverride | None) -> TierSpec:
    if override is None:
        return tier
    prompts = {name: text for name in ("system", "user") if (text := getattr(override, name)) is not None}
    return tier.model_copy(update={"model": override.model, **prompts})
