"""``onegrid serve`` as a process: it prints a link that works, keeps secrets out of its log, and stops cleanly."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import httpx
import pytest

from api.cli.serve import PortTakenError, listen
from api.store import accounts, assignments, checks, credentials, places, plans, versions
from api.store.cluster import Cluster
from api.store.engine import session

if TYPE_CHECKING:
    from collections.abc import Callable

    from geo.records import Place

SERVE = [sys.executable, "-c", "from api.cli import app; app()", "serve", "--port", "0"]


def sign_in_link(process: subprocess.Popen[str]) -> str:
    """Wait for the link that a service prints; from then on it can be asked."""
    assert process.stdout is not None
    return next(line.strip() for line in process.stdout if "token=" in line)


def test_the_printed_link_signs_in_and_the_log_keeps_it_secret(database: str, tmp_path: Path) -> None:
    assert database
    log = tmp_path / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(SERVE, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        link = sign_in_link(process)
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9][0-9]*/sign-in\?token=.+", link)
        with httpx.Client(timeout=60) as client:
            assert client.get(link).status_code == 303
            assert client.get(urljoin(link, "/api/session")).json()["name"] == "admin"
            assert client.get(link).status_code == 401
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        assert process.returncode == 0
    logged = log.read_text()
    assert "/sign-in" in logged
    assert link.split("token=")[1] not in logged
    assert "Traceback" not in logged


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_embedded_database_stops_with_the_service(
    monkeypatch: pytest.MonkeyPatch, stop: signal.Signals
) -> None:
    # Not pytest's own folder: its path may be too long for a socket, and closed to the user postgres.
    home = Path(tempfile.mkdtemp(prefix="onegrid-test-"))
    home.chmod(0o755)
    monkeypatch.setenv("ONEGRID_HOME", str(home))
    monkeypatch.delenv("ONEGRID_DATABASE_URL", raising=False)
    try:
        with subprocess.Popen(SERVE, stdout=subprocess.PIPE, text=True) as process:
            assert httpx.get(sign_in_link(process), timeout=60).status_code == 303
            assert Cluster(home).pid is not None
            process.send_signal(stop)
            process.wait(60)
        assert Cluster(home).pid is None
    finally:
        Cluster(home).stop()
        shutil.rmtree(home)


def test_a_taken_port_is_said_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(PortTakenError, match="端口已被占用"):
            listen("127.0.0.1", taken.getsockname()[1])


def test_whoever_asks_early_is_not_turned_away_and_is_answered_at_once() -> None:
    with (
        listen("127.0.0.1", 0) as listener,
        socket.create_connection(("127.0.0.1", listener.getsockname()[1]), timeout=60) as early,
    ):
        accepted, address = listener.accept()
        with accepted:
            assert address == early.getsockname()
            # No answer waits for more to be sent with it.
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_open_stream_of_events_does_not_hold_up_the_end(
    database: str, make_board: Callable[..., Place], tmp_path: Path
) -> None:
    with session() as opened:
        places.load_place(opened, make_board())
        assignments.assign(opened, "board-v1")
        checks.check(opened, "board-v1")
        versions.publish(opened, "board-v1", "首次发布")
        plan = plans.create_plan(opened, "board", "调整", author=None).id
        accounts.add_first_admin(opened)
        key = credentials.add_key(opened, accounts.FIRST_ADMIN, "events")
    assert database
    log = tmp_path / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(SERVE, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        events = urljoin(sign_in_link(process), f"/api/plans/{plan}/events")
        with httpx.stream("GET", events, headers={"Authorization": f"Bearer {key}"}, timeout=60) as stream:
            lines = stream.iter_lines()
            assert any("event: revision" in line for line in lines)
            process.send_signal(signal.SIGTERM)
            assert not [line for line in lines if "error" in line]  # it ends, and as an answer ends
        process.wait(60)
        assert process.returncode == 0
    assert "Traceback" not in log.read_text()
