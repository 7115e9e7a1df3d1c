"""A ledger that cannot be kept is refused in one line, before anything is changed."""

import logging
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from coliseum.errors import ColiseumError, LedgerError, SettingsError
from coliseum.services.ledger import open_ledger, schema
from coliseum.services.ledger.database import open_engine, reading


def opened(path: Path, venue: str = "sandbox", mode: str = "paper") -> None:
    with open_ledger(f"sqlite:///{path}", venue=venue, mode=mode) as ledger:
        assert ledger.orders() == ()


def refused(path: Path, error: type[ColiseumError], venue: str = "sandbox", mode: str = "paper") -> str:
    with pytest.raises(error) as caught:
        opened(path, venue, mode)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    with open_ledger(f"sqlite:///{path}", venue="sandbox", mode="paper") as ledger:
        ledger.costs()
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    assert modes["c.db"] == 0o600
    assert set(modes.values()) == {0o600}


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    path.touch(mode=0o644)
    opened(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_is_set_up_for_money(tmp_path: Path) -> None:
    opened(tmp_path / "c.db")
    with open_engine(f"sqlite:///{tmp_path}/c.db") as engine, reading(engine) as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
    assert found == ["wal", 2, 1, 5000]


def test_the_migrations_end_where_the_schema_is(tmp_path: Path) -> None:
    opened(tmp_path / "c.db")
    with open_engine(f"sqlite:///{tmp_path}/c.db") as engine, reading(engine) as connection:
        options = {"version_table": schema.VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []


def test_foreign_tables_in_the_same_file_are_left_alone(tmp_path: Path) -> None:
    """The durable engine keeps its tables beside ours."""
    path = tmp_path / "c.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE workflow_status (id TEXT)")
        other.execute("INSERT INTO workflow_status VALUES ('w1')")
        other.commit()
    opened(path)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT id FROM workflow_status").fetchall() == [("w1",)]


@pytest.mark.parametrize(("venue", "mode"), [("production", "paper"), ("sandbox", "live")])
def test_fault_1_the_ledger_of_another_venue_or_mode_is_refused(
    tmp_path: Path, venue: str, mode: str
) -> None:
    """Nothing of paper ever meets anything of live."""
    path = tmp_path / "c.db"
    opened(path)
    message = refused(path, SettingsError, venue, mode)
    assert "belongs to sandbox paper" in message
    assert f"not to {venue} {mode}" in message
    opened(path)


def test_a_newer_schema_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    opened(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"UPDATE {schema.VERSION_TABLE} SET version_num = 'v9999'")
        other.commit()
    assert "newer coliseum (schema v9999)" in refused(path, LedgerError)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute(f"SELECT * FROM {schema.VERSION_TABLE}").fetchall() == [("v9999",)]


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    path.write_text("these are notes, not a database " * 100)
    before = path.read_bytes()
    assert "not a database" in refused(path, LedgerError)
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", [".", "missing/c.db", "file/c.db"])
def test_a_place_that_cannot_hold_a_file_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    assert "cannot be opened for writing" in refused(tmp_path / place, LedgerError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; run as another user")
def test_a_read_only_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    opened(path)
    path.chmod(0o400)
    assert "Permission denied" in refused(path, LedgerError)


@pytest.mark.parametrize("url", ["not a url", "sqlite://", "sqlite:///:memory:", "mysql://host/db"])
def test_an_address_that_cannot_be_a_ledger_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError), open_ledger(url, venue="sandbox", mode="paper"):
        pass


def test_opening_says_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Migrating neither prints nor touches how the program logs."""
    handlers, level = list(logging.root.handlers), logging.root.level
    opened(tmp_path / "c.db")
    assert capfd.readouterr() == ("", "")
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
    assert (logging.root.handlers, logging.root.level) == (handlers, level)


def test_two_that_open_at_once_both_get_a_whole_ledger(tmp_path: Path) -> None:
    barrier, failures = Barrier(2), list[Exception]()

    def enter() -> None:
        barrier.wait()
        try:
            opened(tmp_path / "c.db")
        except Exception as wrong:
            failures.append(wrong)

    threads = [Thread(target=enter) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
