from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from producer.ledger import find_job, find_own_job, open_ledger, reach_ledger
from routing.errors import NotFoundError, UsageError
from storage import migrate
from tests.support.ended_jobs import RECEIPT, LedgerJob, documents
from workers.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def embedded(home: Path) -> Settings:
    """Return settings that configure nothing but a home folder."""
    return Settings.model_construct(home=home, ledger=None, redis_url=None)


def test_an_embedded_ledger_is_made_where_that_is_asked(tmp_path: Path) -> None:
    """It is brought up to date by itself, and its folder is the owner's alone: it holds documents."""
    home = tmp_path / "home"
    with open_ledger(embedded(home), create=True) as database:
        migrate.require_current(database)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    with open_ledger(embedded(home)) as database:
        migrate.require_current(database)


def test_looking_makes_no_ledger(tmp_path: Path) -> None:
    """A mistyped home is told, not filled."""
    with pytest.raises(NotFoundError, match="no ledger"), open_ledger(embedded(tmp_path / "home")):
        pass
    assert not (tmp_path / "home").exists()


def test_a_configured_ledger_is_never_migrated_by_itself(tmp_path: Path) -> None:
    """Its tables may serve other versions: a person upgrades them."""
    settings = Settings.model_construct(home=tmp_path, ledger=SecretStr(f"sqlite:///{tmp_path / 'x.db'}"))
    with pytest.raises(UsageError, match="cheapfirst db upgrade"), open_ledger(settings, create=True):
        pass
    with reach_ledger(settings) as database:
        assert migrate.version(database) is None


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The error names the folder and the variable."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="CHEAPFIRST_HOME"), reach_ledger(embedded(tmp_path / "file" / "home")):
        pass


def test_a_trial_is_not_the_job_that_reports_are_about(tmp_path: Path) -> None:
    """After an evaluation the newest job of one's own is meant; a trial where there is nothing else."""
    with open_ledger(embedded(tmp_path), create=True) as database:
        LedgerJob(database, documents("a"), RECEIPT.model_copy(update={"name": "receipt@cheap"}), name="trial")
        assert find_own_job(database, None).name == "trial"
        LedgerJob(database, documents("a"), name="own")
        LedgerJob(database, documents("a"), RECEIPT.model_copy(update={"name": "receipt@routed"}), name="later")
        assert (find_own_job(database, None).name, find_job(database, None).name) == ("own", "later")
        assert find_own_job(database, "trial").name == "trial"


def test_the_newest_job_is_meant_where_none_is_named(tmp_path: Path) -> None:
    """Names and numbers find others."""
    with open_ledger(embedded(tmp_path), create=True) as database:
        with pytest.raises(NotFoundError, match="no job yet"):
            find_job(database, None)
        LedgerJob(database, documents("a"), name="older")
        LedgerJob(database, documents("a"), name="newer")
        assert find_job(database, None).name == "newer"
        assert find_job(database, "1").name == "older"
        assert find_job(database, "older").id == 1
