"""What one turn of an item hands to the next, through the ledger."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter

from routing.completion import FinishReason
from routing.verdict import CheckName, Failure


class _Carried(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CarriedFailure(_Carried):
    """A failed check, as it is told to the model."""

    check: CheckName
    field: str
    reason: str


class _Rejected(_Carried):
    failures: tuple[CarriedFailure, ...]

    @property
    def told(self) -> tuple[Failure, ...]:
        """The failures, as checks tell them."""
        return tuple(Failure(failure.check, failure.field, failure.reason) for failure in self.failures)


class Below(_Rejected):
    """What the tier below said, and why that was not accepted. `fields` are to be asked for alone, none means all."""

    model: str
    output: dict[str, JsonValue]
    fields: tuple[str, ...] = ()


class Repairing(_Rejected):
    """An answer that failed and was to be repaired `times` times so far, when the provider got into trouble."""

    answer: str
    times: int
    below: Below | None = None


class Opining(_Carried):
    """A first answer that passed and is paid for, when the model of the second opinion got into trouble.

    `before` is what the item took along when it was given.
    """

    answer: str
    finish_reason: FinishReason
    logprobs: tuple[tuple[str, float], ...] | None = None
    before: Repairing | Below | None = None


class HeldFrom(_Carried):
    """An item that only runs on the last tier to be measured: the tier that gave its output."""

    tier: str


Carried: TypeAlias = Repairing | Opining | HeldFrom | Below
_ADAPTER: TypeAdapter[Carried] = TypeAdapter(Carried)


def read_carried(text: str | None) -> Carried | None:
    """Return what an item takes along, None for nothing. Raises pydantic.ValidationError for what is none of these."""
    return None if text is None else _ADAPTER.validate_json(text)
