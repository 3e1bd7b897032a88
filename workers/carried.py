"""What one turn of an item hands to the next, through the ledger."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, TypeAdapter

from routing.verdict import CheckName, Failure


class _Carried(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CarriedFailure(_Carried):
    """A failed check, as it is told to the model."""

    check: CheckName
    field: str
    reason: str


class Repairing(_Carried):
    """An answer that failed and was to be repaired `times` times so far, when the provider got into trouble."""

    answer: str
    failures: tuple[CarriedFailure, ...]
    times: int

    @property
    def told(self) -> tuple[Failure, ...]:
        """The failures, as checks tell them."""
        return tuple(Failure(failure.check, failure.field, failure.reason) for failure in self.failures)


class HeldFrom(_Carried):
    """An item that only runs on the last tier to be measured: the tier that gave its output."""

    tier: str


Carried: TypeAlias = Repairing | HeldFrom
_ADAPTER: TypeAdapter[Carried] = TypeAdapter(Carried)


def read_carried(text: str | None) -> Carried | None:
    """Return what an item takes along, None for nothing. Raises pydantic.ValidationError for what is none of these."""
    return None if text is None else _ADAPTER.validate_json(text)
