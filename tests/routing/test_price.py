"""Prices: exact to the nano-dollar, from the deployment or from genai-prices, never guessed."""

from __future__ import annotations

from decimal import Decimal

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.completion import TokenUsage
from routing.deployment import ModelSpec, PriceSpec
from routing.errors import NotFoundError, UsageError
from routing.money import NANO_PER_USD, NanoUsd, to_nano_usd, to_usd
from routing.price import PriceList

counts = st.integers(0, 10_000_000)
prices = st.decimals(0, 1000, places=4)


def _model(model: str = "mine", provider: str = "openai", price: PriceSpec | None = None) -> ModelSpec:
    return ModelSpec.model_validate({"name": "m", "provider": provider, "model": model, "price": price})


def _list(**prices_usd: object) -> PriceList:
    return PriceList({"m": _model(price=PriceSpec.model_validate(prices_usd))})


@given(counts, counts, prices, prices)
def test_a_call_costs_what_its_tokens_cost(
    tokens_in: int, tokens_out: int, price_in: Decimal, price_out: Decimal
) -> None:
    """The bill is the exact sum, rounded once."""
    cost = _list(input=price_in, output=price_out).cost("m", TokenUsage(tokens_in, tokens_out))
    exact = (tokens_in * price_in + tokens_out * price_out) * 1000
    assert abs(cost - exact) <= Decimal("0.5")
    assert cost >= 0


@given(counts, counts, counts)
def test_more_tokens_never_cost_less(tokens: int, more: int, cached: int) -> None:
    """Cost grows with every kind of token, and cached ones never cost more than fresh ones."""
    listed = _list(input="2.5", output="10", cached_input="0.25")
    plain = listed.cost("m", TokenUsage(tokens, tokens))
    assert listed.cost("m", TokenUsage(tokens + more, tokens)) >= plain
    assert listed.cost("m", TokenUsage(tokens, tokens + more)) >= plain
    assert listed.cost("m", TokenUsage(tokens, tokens, cached)) <= plain


def test_cached_tokens_have_their_own_price() -> None:
    """They are a part of the input; without a price of their own they cost as much."""
    assert _list(input=2, output=0, cached_input=1).cost("m", TokenUsage(10, 0, 4)) == 16_000
    assert _list(input=2, output=0).cost("m", TokenUsage(10, 0, 4)) == 20_000


def test_written_tokens_have_their_own_price() -> None:
    """They are a part of the input; without a price of their own they cost as much."""
    assert _list(input=2, output=0, cache_write="2.5").cost("m", TokenUsage(10, 0, cache_written=4)) == 22_000
    assert _list(input=2, output=0).cost("m", TokenUsage(10, 0, cache_written=4)) == 20_000


@given(counts, counts, counts, counts, st.tuples(prices, prices, prices, prices))
def test_the_parts_of_a_bill_add_up(
    tokens: int, cached: int, written: int, answered: int, rates: tuple[Decimal, Decimal, Decimal, Decimal]
) -> None:
    """Each part of the input is paid for once at its own price, no bill is negative, and none exceeds the bound."""
    listed = _list(**dict(zip(("input", "output", "cached_input", "cache_write"), rates, strict=True)))
    usage = TokenUsage(tokens + cached + written, answered, cached, written)
    cost = listed.cost("m", usage)
    parts = zip((tokens, answered, cached, written), rates, strict=True)
    exact = sum((count * rate * 1000 for count, rate in parts), Decimal(0))
    assert cost == to_nano_usd(exact / NANO_PER_USD)
    assert 0 <= cost <= listed.most("m", usage)


@given(counts, counts, counts)
def test_a_bill_is_never_negative_whatever_was_counted(tokens: int, cached: int, written: int) -> None:
    """Parts that exceed their whole count no further than the whole."""
    listed = _list(input=2, output=0, cached_input="0.2", cache_write="2.5")
    usage = TokenUsage(tokens, 0, cached, written)
    assert 0 <= listed.cost("m", usage) <= listed.most("m", usage) == tokens * 2500


@pytest.mark.parametrize(("tokens", "nano_usd"), [(1, 0), (3, 2), (5, 2), (2, 1), (7, 4)])
def test_half_a_nano_dollar_goes_to_the_even_side(tokens: int, nano_usd: int) -> None:
    """At half of one a token."""
    assert _list(input="0.0005", output=0).cost("m", TokenUsage(tokens, 0)) == nano_usd


def test_a_price_of_many_digits_is_kept_whole() -> None:
    """More of them than decimal arithmetic would keep."""
    price = "0.0010000000000000000000000000000001"
    assert _list(input=price, output=0).cost("m", TokenUsage(5 * 10**30, 0)) == 5 * 10**30
    assert _list(input=price, output=0).cost("m", TokenUsage(6 * 10**30, 0)) == 6 * 10**30 + 1


def test_a_token_that_was_read_is_not_paid_for_as_written() -> None:
    """Five read and five written of seven are five and two."""
    listed = _list(input=2, output=0, cached_input=1, cache_write=3)
    assert listed.cost("m", TokenUsage(7, 0, 5, 5)) == 5 * 1000 + 2 * 3000


@pytest.mark.parametrize(
    ("model", "provider"),
    [("gpt-5-mini", "openai"), ("claude-haiku-4-5", "anthropic"), ("claude-sonnet-4-5", "anthropic")],
)
def test_no_part_of_a_listed_bill_exceeds_the_bound(model: str, provider: str) -> None:
    """What is written to the cache may cost more than plain input; the bound is the dearer of them."""
    listed = PriceList({"m": _model(model, provider)})
    for tokens in (1_000, 500_000):
        bills = [listed.cost("m", TokenUsage(tokens, 100, *parts)) for parts in ((0, 0), (tokens, 0), (0, tokens))]
        assert listed.most("m", TokenUsage(tokens, 100)) == max(bills)


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-sonnet-4-5"])
def test_listed_prices_of_written_tokens_are_kept(model: str) -> None:
    """Anthropic asks more for writing to its cache than for plain input."""
    listed = PriceList({"m": _model(model, "anthropic")})
    usage = genai_prices.Usage(input_tokens=5_000, output_tokens=10, cache_read_tokens=1_000, cache_write_tokens=2_000)
    expected = genai_prices.calc_price(usage, model, provider_id="anthropic").total_price
    assert listed.cost("m", TokenUsage(5_000, 10, 1_000, 2_000)) == to_nano_usd(expected)
    assert listed.cost("m", TokenUsage(5_000, 10, 0, 2_000)) > listed.cost("m", TokenUsage(5_000, 10))


@pytest.mark.parametrize(("model", "provider"), [("gpt-5-mini", "openai"), ("claude-sonnet-4-5", "anthropic")])
def test_known_models_cost_what_genai_prices_says(model: str, provider: str) -> None:
    """Prices that change with the length of the context included."""
    listed = PriceList({"m": _model(model, provider)})
    for tokens in (1_000, 500_000):
        usage = genai_prices.Usage(input_tokens=tokens, output_tokens=100, cache_read_tokens=10)
        expected = genai_prices.calc_price(usage, model, provider_id=provider).total_price
        assert listed.cost("m", TokenUsage(tokens, 100, 10)) == to_nano_usd(expected)
    assert listed.source("m").startswith("genai-prices ")


def test_the_note_on_a_price_goes_with_it() -> None:
    """Whoever reads the bill learns where its prices are from."""
    assert _list(input=1, output=1, note="borrowed").source("m") == "cheapfirst.yaml: borrowed"
    assert _list(input=1, output=1).source("m") == "cheapfirst.yaml"


def test_a_model_without_a_price_is_told_at_once() -> None:
    """Nothing is guessed: the file and the key are named."""
    with pytest.raises(UsageError, match=r"models\.m"):
        PriceList({"m": _model("no-such-model")})


def test_an_unknown_model_is_told() -> None:
    """A name the deployment lacks has no price and no source."""
    with pytest.raises(NotFoundError):
        PriceList({}).cost("m", TokenUsage(1, 1))


@given(st.integers(-(10**17), 10**17))
def test_money_survives_the_way_to_dollars_and_back(amount: int) -> None:
    """Nano-dollars are exact dollars."""
    assert to_nano_usd(to_usd(NanoUsd(amount))) == amount


@pytest.mark.parametrize("amount", ["NaN", "Infinity"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    """No bill holds a number that is none."""
    with pytest.raises(ValueError, match="not an amount"):
        to_nano_usd(Decimal(amount))


def test_the_most_a_call_can_cost_is_the_dearest_of_all_that_may_answer() -> None:
    """A model's fallbacks and theirs, a circle of them included; one that is not listed here cannot be told."""

    def priced(usd: int, *fallback: str) -> ModelSpec:
        return _model(price=PriceSpec(input=usd, output=usd)).model_copy(update={"fallback": fallback})

    listed = PriceList({"a": priced(1, "b", "absent"), "b": priced(2, "c"), "c": priced(3, "a"), "alone": priced(1)})
    usage = TokenUsage(10, 10)
    assert {name: listed.most(name, usage) for name in ("a", "b", "c")} == dict.fromkeys("abc", 60_000)
    assert listed.most("alone", usage) == listed.cost("a", usage) == 20_000
