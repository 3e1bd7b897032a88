"""What is extracted from a receipt."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Receipt(BaseModel):
    """A shop receipt or an invoice. What is not on it cannot be accepted: every field must be found."""

    model_config = ConfigDict(extra="forbid")

    company: str = Field(min_length=2, description="The company that issued it, as written; no registration number")
    date: str = Field(min_length=6, description="The date of issue, exactly as written")
    address: str = Field(min_length=6, description="The company's whole address, its lines joined by blanks")
    total: float = Field(ge=0, description="What was to be paid, all taxes and rounding included")
