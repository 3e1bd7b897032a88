"""What a call costs, by the deployment's own prices or else by genai-prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING

import genai_prices

from routing.errors import NotFoundError, UsageError
from routing.money import NanoUsd, to_nano_usd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from routing.completion import TokenUsage
    from routing.deployment import ModelSpec

OWN_SOURCE = "cheapfirst.yaml"
LISTED_SOURCE = f"genai-prices {version('genai-prices')}"
_PER_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class _FlatRates:
    """Dollars per token, whatever their number."""

    source: str
    input: Decimal
    output: Decimal
    cached_input: Decimal

    @classmethod
    def per_million(
        cls, source: str, input_usd: Decimal, output_usd: Decimal, cached_usd: Decimal | None
    ) -> _FlatRates:
        cached = input_usd if cached_usd is None else cached_usd
        return cls(source, input_usd / _PER_MILLION, output_usd / _PER_MILLION, cached / _PER_MILLION)

    def cost(self, usage: TokenUsage) -> Decimal:
        cached = min(usage.cached_input, usage.input)
        return (usage.input - cached) * self.input + cached * self.cached_input + usage.output * self.output


@dataclass(frozen=True, slots=True)
class _TieredRates:
    """Prices of genai-prices that change with the length of the context."""

    model: str
    provider: str
    source: str = LISTED_SOURCE

    def cost(self, usage: TokenUsage) -> Decimal:
        counted = genai_prices.Usage(
            input_tokens=usage.input,
            cache_read_tokens=min(usage.cached_input, usage.input),
            output_tokens=usage.output,
        )
        total: Decimal = genai_prices.calc_price(counted, self.model, provider_id=self.provider).total_price
        return total


class PriceList:
    """The prices of a deployment's models, by the names tasks use for them.

    Raises UsageError at once where a model has no price of its own and genai-prices does not know it: a bill with
    guessed prices is worse than none.
    """

    def __init__(self, models: Mapping[str, ModelSpec]) -> None:
        self._rates = {name: _rates(name, spec) for name, spec in models.items()}

    def cost(self, model: str, usage: TokenUsage) -> NanoUsd:
        """Return what a call cost, rounded once to the nano-dollar. Raises NotFoundError for an unknown model."""
        return to_nano_usd(self._of(model).cost(usage))

    def source(self, model: str) -> str:
        """Return where a price is from, with the deployment's note on it. Raises NotFoundError for an unknown model."""
        return self._of(model).source

    def _of(self, model: str) -> _FlatRates | _TieredRates:
        try:
            return self._rates[model]
        except KeyError:
            raise NotFoundError(f"The deployment has no model `{model}`.", "Add it under `models`.") from None


def _rates(name: str, spec: ModelSpec) -> _FlatRates | _TieredRates:
    if spec.price is not None:
        # The note goes with every call priced by it: whoever reads the bill later learns what its prices are.
        source = f"{OWN_SOURCE}: {spec.price.note}" if spec.price.note else OWN_SOURCE
        return _FlatRates.per_million(source, spec.price.input, spec.price.output, spec.price.cached_input)
    try:
        listed = genai_prices.calc_price(
            genai_prices.Usage(input_tokens=1, output_tokens=1), spec.model, provider_id=spec.provider
        ).model_price
    except LookupError:
        raise UsageError(
            f"The price of model `{name}` ({spec.provider}: {spec.model}) is not known.",
            f"Add `price: {{input: ..., output: ...}}` (dollars per million tokens) to `models.{name}`.",
        ) from None
    rates = (listed.input_mtok or Decimal(0), listed.output_mtok or Decimal(0), listed.cache_read_mtok)
    match rates:
        case Decimal() as input_usd, Decimal() as output_usd, Decimal() | None as cached_usd:
            return _FlatRates.per_million(LISTED_SOURCE, input_usd, output_usd, cached_usd)
        case _:
            return _TieredRates(spec.model, spec.provider)
