"""The embedded database survives what happens to programs: two starts, kill -9, full disks, missing programs."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import psycopg
import pytest

from api.store import cluster as module
from api.store.binaries import Binaries, find_binaries
from api.store.cluster import SOCKET_PATH_MAX, Cluster, memory_settings
from api.store.errors import BinariesMissingError, ClusterError, DiskFullError

if TYPE_CHECKING:
    from collections.abc import Iterator

FAST = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "10"}


@pytest.fixture
def home() -> Iterator[Path]:
    """Short, and open to the user postgres: pytest's own folders are neither."""
    made = Path(tempfile.mkdtemp(prefix="onegrid-test-"))
    made.chmod(0o755)
    yield made
    Cluster(made, FAST).stop()
    shutil.rmtree(made)


def value(cluster: Cluster, name: str) -> str:
    with cluster.connect() as connection:
        row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
        assert row is not None
        return str(row[0])


def test_a_private_server_on_a_socket_only(home: Path) -> None:
    made = Cluster(home, FAST)
    assert not made.exists
    assert made.pid is None
    assert not made.ready()
    made.start()
    assert made.ready()
    assert value(made, "listen_addresses") == ""
    assert value(made, "server_encoding") == "UTF8"
    assert value(made, "data_checksums") == "on"
    assert oct(made.data.stat().st_mode)[-3:] == "700"
    assert oct(made.socket_folder.stat().st_mode)[-3:] == "700"
    with made.connect("onegrid") as connection:
        row = connection.execute(
            "SELECT datcollate, datctype FROM pg_database WHERE datname = 'onegrid'"
        ).fetchone()
        assert row == ("C.UTF-8", "C.UTF-8")
        connection.execute("CREATE EXTENSION pg_trgm")
        # With locale C, pg_trgm would see no letters in Chinese and find nothing.
        found = connection.execute(
            "SELECT show_trgm('颛桥') <> '{}', similarity('颛兴东路', '颛兴东路1号') > 0.3"
        ).fetchone()
        assert found == (True, True)
    made.stop()
    assert made.pid is None
    made.stop()  # nothing to stop is no failure


def test_data_survives_a_restart_and_a_kill(home: Path) -> None:
    made = Cluster(home)  # with fsync: this is about not losing data
    made.start()
    with made.connect("onegrid") as connection:
        connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
    pid = made.pid
    assert pid is not None
    # The processes of the server, before their parent goes.
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(pid, signal.SIGKILL)
    wait_for_end([pid, *map(int, children)])
    assert (made.data / "postmaster.pid").exists()
    assert made.pid is None
    made.start()
    with made.connect("onegrid") as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


def wait_for_end(pids: list[int]) -> None:
    """Wait until processes are gone (or dead and not yet reaped)."""
    for pid in pids:
        while is_alive(pid):
            os.sched_yield()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the latter: it went between opening and reading
        return False


def test_a_pid_file_that_names_another_program_is_stale(home: Path) -> None:
    made = Cluster(home, FAST)
    made.start()
    content = (made.data / "postmaster.pid").read_text()
    made.stop()
    # As after a crash and a reboot, when the number belongs to somebody else: to this test.
    (made.data / "postmaster.pid").write_text(content.replace(content.split("\n")[0], str(os.getpid()), 1))
    assert made.pid is None
    made.start()
    assert made.ready()


def test_an_empty_pid_file_is_stale(home: Path) -> None:
    made = Cluster(home, FAST)
    made.start()
    made.stop()
    (made.data / "postmaster.pid").touch()
    made.start()
    assert made.ready()


START = """
import sys
from pathlib import Path
from api.store.cluster import Cluster
made = Cluster(Path(sys.argv[1]), {"fsync": "off", "shared_buffers": "16MB"})
made.acquire()
print(made.pid, flush=True)
sys.stdin.read()
"""


def starter(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def test_two_starts_at_once_make_one_server(home: Path) -> None:
    users = [starter(home) for _ in range(3)]
    pids = set()
    for user in users:
        assert user.stdout is not None
        pids.add(int(user.stdout.readline()))
    made = Cluster(home, FAST)
    assert pids == {made.pid}
    for user in users:
        user.kill()  # without leaving: their marks of use go with them
        user.communicate()
    assert made.ready()
    made.acquire()
    made.release()
    assert made.pid is None  # the last user stops it


def test_the_last_user_stops_it_unless_kept(home: Path) -> None:
    first, second = Cluster(home, FAST), Cluster(home, FAST)
    first.acquire()
    second.acquire()
    first.release()
    assert second.ready()
    second.keep()
    second.release()
    assert second.ready()
    second.stop()
    first.acquire()
    first.release()
    assert first.pid is None


def test_a_long_home_gets_a_short_socket(home: Path) -> None:
    deep = home / ("数据" * 20) / "onegrid"
    made = Cluster(deep, FAST)
    path = os.fsencode(made.socket_folder / ".s.PGSQL.5432")
    assert len(path) <= SOCKET_PATH_MAX
    try:
        made.start()
        assert made.ready()
    finally:
        made.stop()
        made.socket_folder.rmdir()


def test_a_socket_folder_of_somebody_else_is_refused(home: Path) -> None:
    made = Cluster(home, FAST)
    made.folder.mkdir(parents=True)
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    made.socket_folder.symlink_to(elsewhere)
    with pytest.raises(ClusterError, match="别的用户"):
        made.start()
    made.socket_folder.unlink()


def test_a_full_disk_is_told_before_anything_is_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=10 * 2**20))
    made = Cluster(home, FAST)
    with pytest.raises(DiskFullError, match="10 MB"):
        made.start()
    assert not made.exists


def test_a_disk_that_fills_while_starting_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = home / "bin"
    full.mkdir()
    initdb = full / "initdb"
    initdb.write_text("#!/bin/sh\necho 'could not write: No space left on device' >&2\nexit 1\n")
    initdb.chmod(0o755)
    monkeypatch.setattr(module, "find_binaries", lambda *_: Binaries(15, full))
    made = Cluster(home, FAST)
    with pytest.raises(DiskFullError):
        made.start()
    monkeypatch.undo()
    made.start()  # what the failed start left is swept away
    assert made.ready()
    assert not list(made.folder.glob("new-*"))


def test_missing_programs_say_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(BinariesMissingError, match="apt-get install postgresql"):
        find_binaries(root=tmp_path, share=tmp_path)
    (tmp_path / "15" / "bin").mkdir(parents=True)
    (tmp_path / "15" / "bin" / "initdb").touch()
    with pytest.raises(BinariesMissingError, match="postgresql-15-postgis-3"):
        find_binaries(root=tmp_path, share=tmp_path)


def test_the_newest_with_postgis_is_used(tmp_path: Path) -> None:
    for major, with_postgis in ((13, True), (15, True), (17, False)):
        folder = tmp_path / str(major)
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "initdb").touch()
        if with_postgis:
            (folder / "extension").mkdir()
            (folder / "extension" / "postgis.control").touch()
    assert find_binaries(root=tmp_path, share=tmp_path).major == 15
    assert find_binaries(13, root=tmp_path, share=tmp_path).folder == tmp_path / "13" / "bin"


def test_a_data_folder_of_another_major_version_is_refused(home: Path) -> None:
    made = Cluster(home, FAST)
    made.start()
    made.stop()
    version = made.data / "PG_VERSION"
    right = version.read_text()
    version.write_text("9\n")
    with pytest.raises(BinariesMissingError, match="PostgreSQL 9"):
        made.start()
    version.write_text(right)
    made.start()
    assert made.ready()


def test_a_failing_start_shows_the_log(home: Path) -> None:
    made = Cluster(home, {**FAST, "max_connections": "0"})
    with pytest.raises(ClusterError, match="max_connections"):
        made.start()
    Cluster(home, FAST).start()
    assert made.ready()


def test_a_home_that_cannot_be_made_is_told(home: Path) -> None:
    (home / "file").touch()
    with pytest.raises(ClusterError, match="ONEGRID_HOME"):
        Cluster(home / "file", FAST).start()


def test_waiting_for_another_start_ends(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Cluster(home, FAST)
    made.folder.mkdir()
    monkeypatch.setattr(module, "LOCK_TIMEOUT_S", 0.1)
    with (made.folder / "lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ClusterError, match="另一个 onegrid 进程"):
            made.start()


def test_root_needs_a_home_that_postgres_can_enter(home: Path) -> None:
    if os.geteuid() != 0:
        # An ordinary user runs the server itself and can enter what it made.
        Cluster(home / "closed", FAST).start()
        Cluster(home / "closed", FAST).stop()
        return
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ClusterError, match="/var/lib/onegrid"):
        Cluster(closed, FAST).start()


def test_only_its_own_user_and_root_get_in(cluster: Cluster) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host=str(cluster.socket_folder), port=module.PORT, user="somebody", dbname="postgres")


@pytest.mark.parametrize(("total", "shared"), [(2**28, "128MB"), (8 * 2**30, "2048MB"), (2**40, "4096MB")])
def test_memory_follows_the_machine(total: int, shared: str) -> None:
    settings = memory_settings(total, 2)
    assert settings["shared_buffers"] == shared
    assert int(settings["work_mem"].removesuffix("MB")) <= 64
