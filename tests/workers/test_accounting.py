"""What a call can cost at most, before it is made."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from routing.compiled_task import CompiledTask
from routing.completion import TokenUsage
from routing.deployment import DeploymentSpec, ModelSpec, PriceSpec
from routing.price import PriceList
from tests.support.ledgers import TASK
from workers.accounting import Accountant
from workers.prompt_size import BYTES_PER_TOKEN_AT_LEAST

prices = st.decimals(0, 100, places=3)


@given(st.tuples(prices, prices, prices, prices), st.integers(0, 10_000), st.data())
def test_no_call_costs_more_than_its_bound(
    rates: tuple[Decimal, Decimal, Decimal, Decimal], characters: int, data: st.DataObject
) -> None:
    """Whatever part of its input is read from the provider's cache or written to it, at whatever price."""
    price = PriceSpec(input=rates[0], output=rates[1], cached_input=rates[2], cache_write=rates[3])
    models = {"small": ModelSpec(name="small", provider="anthropic", model="m", price=price)}
    listed = PriceList(models)
    prompt = CompiledTask(TASK).prompt("cheap", "x" * characters, {})
    bound = Accountant(DeploymentSpec(models=models)).call_bound(["small"], prompt, TASK.max_output_tokens)
    asked = characters // BYTES_PER_TOKEN_AT_LEAST
    read = data.draw(st.integers(0, asked))
    written = data.draw(st.integers(0, asked - read))
    assert listed.cost("small", TokenUsage(asked, TASK.max_output_tokens, read, written)) <= bound
