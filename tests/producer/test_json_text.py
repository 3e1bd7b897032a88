from __future__ import annotations

from decimal import Decimal

import pytest

from producer.json_text import embedded, json_line, json_page


def test_money_is_an_exact_number() -> None:
    """A decimal is written digit by digit, never through a float."""
    assert json_line({"usd": Decimal("0.000000001")}) == b'{"usd":0.000000001}\n'
    assert json_line({"usd": Decimal("12345678901234567.123456789")}) == b'{"usd":12345678901234567.123456789}\n'


def test_json_of_the_ledger_is_written_as_it_stands() -> None:
    """An output is not read and written again on its way out."""
    assert json_page({"output": embedded('{"total": 1.10}')}) == b'{\n  "output": {"total": 1.10}\n}\n'


def test_anything_else_is_a_fault() -> None:
    """What JSON has no form for is not printed as something else."""
    with pytest.raises(TypeError):
        json_line({"value": object()})
