"""What a test does where a service it needs is not installed: skip on a desk, fail in CI."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str, remedy: str) -> NoReturn:
    """Skip the test, or fail it where CI promises that the service is there."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing in CI: {remedy}")
    pytest.skip(f"{what} is not installed: {remedy}")
