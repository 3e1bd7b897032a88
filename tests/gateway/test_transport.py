"""What every transport shares."""

from __future__ import annotations

import pytest

from gateway.transport import stays_here


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000/v1", "http://127.9.9.9/v1", "http://[::1]:8000/v1", "http://localhost:11434/v1"],
)
def test_addresses_of_this_machine_are_known(url: str) -> None:
    """The name and the numbers of the loopback interface."""
    assert stays_here(url)


@pytest.mark.parametrize(
    "url",
    ["https://api.openai.com/v1", "http://localhost.example.com/v1", "http://127.0.0.1@example.com/v1",
     "http://10.0.0.1/v1", "http://[::1/v1", "nothing", ""],
)  # fmt: skip
def test_addresses_that_only_look_like_it_are_not(url: str) -> None:
    """Another machine is another machine, whatever its name begins with."""
    assert not stays_here(url)
