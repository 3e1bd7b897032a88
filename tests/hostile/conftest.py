"""The command line in a home folder of its own, as the tests of its commands have it."""

from __future__ import annotations

from tests.producer.cli.conftest import cheapfirst, home, home_ledger

__all__ = ["cheapfirst", "home", "home_ledger"]
