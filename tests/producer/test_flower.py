from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.embedded.child_process import ChildProcess
from producer.embedded.redis_server import EmbeddedRedis
from producer.flower import FlowerCommand, flower_command
from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BROKER = "redis://:broker-password@127.0.0.1:6379/0"


def test_password_is_generated() -> None:
    """Without a password of the user's choice, each command has a new long one."""
    first, second = flower_command(BROKER), flower_command(BROKER)
    assert first.generated
    assert len(first.password) >= 24
    assert first.password != second.password
    assert first.environment["FLOWER_BASIC_AUTH"] == f"cheapfirst:{first.password}"


def test_chosen_password_is_used() -> None:
    """A password of the user's choice is used and not told again."""
    command = flower_command(BROKER, password="hunter2")
    assert not command.generated
    assert command.environment["FLOWER_BASIC_AUTH"] == "cheapfirst:hunter2"


def test_passwords_are_not_arguments() -> None:
    """Neither the broker's password nor Flower's is in the arguments or in what a log would show of the command."""
    command = flower_command(BROKER, password="hunter2")
    assert not [argument for argument in command.argv if "hunter2" in argument or "broker-password" in argument]
    assert "hunter2" not in repr(command)
    assert "broker-password" not in repr(command)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_no_chosen_password(address: str) -> None:
    """Only this machine reaches a loopback address."""
    assert flower_command(BROKER, address=address).generated


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "", "192.168.1.4", "flower.example.org"])
def test_other_addresses_need_a_chosen_password(address: str) -> None:
    """An address that other machines reach is refused without a password, and accepted with one."""
    with pytest.raises(UsageError, match="Set FLOWER_PASSWORD"):
        flower_command(BROKER, address=address)
    assert f"--address={address}" in flower_command(BROKER, address=address, password="hunter2").argv


@pytest.mark.parametrize("password", ["a,b", "two words", "пароль", "tab\t", "line\n"])
def test_password_that_flower_would_misread(password: str) -> None:
    """Flower takes `a,b` for two passwords and fails on what is not ASCII, so that both are refused."""
    with pytest.raises(UsageError, match="FLOWER_PASSWORD"):
        flower_command(BROKER, password=password)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=1))
def test_any_other_password_is_one_credential(password: str) -> None:
    """What is accepted stays one credential when Flower splits the list at commas."""
    credentials = flower_command(BROKER, password=password).environment["FLOWER_BASIC_AUTH"].split(",")
    assert credentials == [f"cheapfirst:{password}"]


def test_url_of_an_ipv6_address() -> None:
    """An IPv6 address stands in brackets in the URL."""
    assert flower_command(BROKER, address="::1", port=5556).url == "http://[::1]:5556/"
