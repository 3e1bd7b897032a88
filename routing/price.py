"""What a call costs, by the deployment's own prices or else by genai-prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from importlib.metadata import version
from math import lcm
from typing import TYPE_CHECKING

from routing.completion import TokenUsage
from routing.deployment import PriceSpec
from routing.errors import NotFoundError, UsageError
from routing.money import NANO_PER_USD, NanoUsd, to_nano_usd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from genai_prices.types import ModelPrice, PriceCalculation

    from routing.deployment import ModelSpec

OWN_SOURCE = "cheapfirst.yaml"
LISTED_SOURCE = f"genai-prices {version('genai-prices')}"
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class _FlatRates:
    """Prices of a token, whatever their number, as whole multiples of a nano-dollar's `unit`-th part.

    Whole numbers, so that a bill is exact and asks for no decimal arithmetic, three times a call.
    """

    source: str
    unit: int
    input: int
    output: int
    cached_input: int
    cache_write: int

    @classmethod
    def per_million(cls, source: str, price: PriceSpec) -> _FlatRates:
        cached = price.input if price.cached_input is None else price.cached_input
        written = price.input if price.cache_write is None else price.cache_write
        rates = [Fraction(rate) * NANO_PER_USD / _MILLION for rate in (price.input, price.output, cached, written)]
        unit = lcm(*(rate.denominator for rate in rates))
        return cls(source, unit, *(int(rate * unit) for rate in rates))

    def cost(self, usage: TokenUsage) -> NanoUsd:
        cached, written = _cache_parts(usage)
        fresh = usage.input - cached - written
        parts = fresh * self.input + cached * self.cached_input + written * self.cache_write
        return self._rounded(parts + usage.output * self.output)

    def most(self, usage: TokenUsage) -> NanoUsd:
        dearest = max(self.input, self.cached_input, self.cache_write)
        return self._rounded(usage.input * dearest + usage.output * self.output)

    def _rounded(self, parts: int) -> NanoUsd:
        """Return the nearest nano-dollar, halves to even, as `to_nano_usd` does."""
        whole, rest = divmod(parts, self.unit)
        return NanoUsd(whole + (2 * rest + whole % 2 > self.unit))


@dataclass(frozen=True, slots=True)
class _TieredRates:
    """Prices of genai-prices that change with the length of the context."""

    model: str
    provider: str
    source: str = LISTED_SOURCE

    def cost(self, usage: TokenUsage) -> NanoUsd:
        return to_nano_usd(_listed(self.model, self.provider, usage).total_price)

    def most(self, usage: TokenUsage) -> NanoUsd:
        # Prices grow evenly with each part of the input, so a call is dearest where all of it is one part; what is
        # read from a cache is never listed above fresh input.
        fresh = TokenUsage(usage.input, usage.output)
        written = TokenUsage(usage.input, usage.output, cache_written=usage.input)
        return max(self.cost(fresh), self.cost(written))


class PriceList:
    """The prices of a deployment's models, by the names tasks use for them.

    Raises UsageError at once where a model has no price of its own and genai-prices does not know it: a bill with
    guessed prices is worse than none.
    """

    def __init__(self, models: Mapping[str, ModelSpec]) -> None:
        self._rates = {name: _rates(name, spec) for name, spec in models.items()}
        self._answering = {name: _answering(name, models) for name in models}

    def cost(self, model: str, usage: TokenUsage) -> NanoUsd:
        """Return what a call cost, rounded once to the nano-dollar. Raises NotFoundError for an unknown model."""
        return self._of(model).cost(usage)

    def most(self, model: str, usage: TokenUsage) -> NanoUsd:
        """Return the most a call can cost, whichever of its fallbacks answers and however its input meets a cache.

        Raises as `cost` does.
        """
        return max(self._of(name).most(usage) for name in self._answering.get(model, (model,)))

    def source(self, model: str) -> str:
        """Return where a price is from, with the deployment's note on it. Raises NotFoundError for an unknown model."""
        return self._of(model).source

    def _of(self, model: str) -> _FlatRates | _TieredRates:
        try:
            return self._rates[model]
        except KeyError:
            raise NotFoundError(f"The deployment has no model `{model}`.", "Add it under `models`.") from None


def _answering(model: str, models: Mapping[str, ModelSpec]) -> tuple[str, ...]:
    """Return a model and whatever may answer in its place: its fallbacks, and theirs."""
    found = [model]
    for name in found:  # grows while it is read
        found += [other for other in models[name].fallback if other in models and other not in found]
    return tuple(found)


def _rates(name: str, spec: ModelSpec) -> _FlatRates | _TieredRates:
    if spec.price is not None:
        # The note goes with every call priced by it: whoever reads the bill later learns what its prices are.
        source = f"{OWN_SOURCE}: {spec.price.note}" if spec.price.note else OWN_SOURCE
        return _FlatRates.per_million(source, spec.price)
    try:
        listed = _listed(spec.model, spec.provider, TokenUsage(1, 1)).model_price
    except LookupError:
        raise UsageError(
            f"The price of model `{name}` ({spec.provider}: {spec.model}) is not known.",
            f"Add `price: {{input: ..., output: ...}}` (dollars per million tokens) to `models.{name}`.",
        ) from None
    return _listed_rates(listed) or _TieredRates(spec.model, spec.provider)


def _listed(model: str, provider: str, usage: TokenUsage) -> PriceCalculation:
    """Return what genai-prices says a call costs. Raises LookupError for a model it does not list."""
    import genai_prices  # 3 MB, which a worker does without where the deployment has prices of its own

    cached, written = _cache_parts(usage)
    counted = genai_prices.Usage(
        input_tokens=usage.input,
        cache_read_tokens=cached,
        cache_write_tokens=written,
        output_tokens=usage.output,
    )
    return genai_prices.calc_price(counted, model, provider_id=provider)


def _listed_rates(listed: ModelPrice) -> _FlatRates | None:
    input_usd, output_usd = listed.input_mtok or Decimal(0), listed.output_mtok or Decimal(0)
    match input_usd, output_usd, listed.cache_read_mtok, listed.cache_write_mtok:
        case Decimal(), Decimal(), Decimal() | None as cached_usd, Decimal() | None as written_usd:
            price = PriceSpec(input=input_usd, output=output_usd, cached_input=cached_usd, cache_write=written_usd)
            return _FlatRates.per_million(LISTED_SOURCE, price)
        case _:
            return None


def _cache_parts(usage: TokenUsage) -> tuple[int, int]:
    """Return how much of the input was read from the provider's cache and written to it, never more than all of it."""
    cached = min(usage.cached_input, usage.input)
    return cached, min(usage.cache_written, usage.input - cached)
