"""Several people in one plan: events over a real connection, who works where, comments on the map."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn
from sqlalchemy import create_engine, text

from api import watching
from api.routes import events
from api.store import credentials, drafts, plans
from api.store.announcements import BEGUN
from api.store.transactions import transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

RENAME = {"operation": "describe", "level": "grid", "code": "310112103002122", "name": "新名网格"}
HERE = {"level": "grid", "code": "310112103002122"}
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def address(web) -> Iterator[str]:
    """Serve the town over a socket: only a real connection can be left open, and broken."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        config = uvicorn.Config(web.app, lifespan="off", log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        finally:
            web.services.watching.close()
            server.should_exit = True
            thread.join()


@pytest.fixture
def plan(web) -> int:
    made = web.browser("planner").post("/api/plans", json={"territory": "town", "name": "同改"})
    return made.json()["id"]


class Stream:
    """An open stream of events, read one by one."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def next(self, event: str) -> dict[str, Any]:
        """Read on to the next event of a kind; the client's time-out bounds the wait."""
        for line in self._lines:
            if line == f"event: {event}":
                return json.loads(next(self._lines).removeprefix("data: "))
        raise AssertionError(f"the stream ended before {event}")

    def rest(self) -> list[str]:
        return list(self._lines)


@contextmanager
def listening(web, address: str, plan: int, name: str = "planner") -> Iterator[Stream]:
    with transaction(web.engine) as session:
        secret = credentials.add_key(session, name, secrets.token_hex(8))
    headers = {"Authorization": f"Bearer {secret}"}
    with (
        httpx.Client(base_url=address, headers=headers, timeout=PATIENCE_S) as client,
        client.stream("GET", f"/api/plans/{plan}/events") as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response)


def wait_until(condition) -> None:
    """Wait for what another thread does; the test's own time-out is the bound."""
    while not condition():
        threading.Event().wait(0.01)


def test_an_edit_by_another_process_is_told_to_everybody(web, address, plan) -> None:
    with listening(web, address, plan) as first, listening(web, address, plan, "viewer") as second:
        for stream in (first, second):
            assert stream.next("revision") == {"revision": 0, "status": "open"}
        # Not over HTTP, and not with this service's drafts: as the command line or a second service would.
        with transaction(web.engine) as session:
            from geo.plans import operations as op  # noqa: PLC0415

            drafts.edit(
                session,
                drafts.Rooms(),
                plan,
                lambda draft: op.describe(draft, "grid", "310112103002122", name="新名"),
                revision=0,
            )
        for stream in (first, second):
            assert stream.next("revision") == {"revision": 1, "status": "open"}


def test_many_watchers_hold_no_thread_and_are_gone_as_soon_as_they_leave(web, address, plan) -> None:
    before = threading.active_count()
    with transaction(web.engine) as session:
        secret = credentials.add_key(session, "planner", "many")
    limits = httpx.Limits(max_connections=None)
    headers = {"Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=address, headers=headers, timeout=PATIENCE_S, limits=limits) as client:
        opened = [
            client.send(client.build_request("GET", f"/api/plans/{plan}/events"), stream=True)
            for _ in range(60)
        ]
        streams = [Stream(response) for response in opened]
        for stream in streams:
            stream.next("revision")
        assert len(web.services.watching) == 60
        # The pool that runs plain routes has at most 40 threads: sixty waiting streams would have starved this.
        edited = web.browser("planner").post(f"/api/plans/{plan}/edits", json={"revision": 0, "edit": RENAME})
        assert edited.status_code == 200
        assert {stream.next("revision")["revision"] for stream in streams} == {1}
        assert threading.active_count() - before <= 45
        for response in opened:
            response.close()
    wait_until(lambda: len(web.services.watching) == 0)


def test_who_works_where_is_told_and_forgotten(web, address, plan, monkeypatch) -> None:
    monkeypatch.setattr(events, "PING_S", 0.05)
    planner, viewer = web.browser("planner"), web.browser("viewer")
    with listening(web, address, plan, "viewer") as stream:
        assert stream.next("presence") == {"who": []}
        here = planner.post(f"/api/plans/{plan}/presence", json=HERE)
        zone = {**HERE, "name": "东北网格"}
        assert here.json() == {"who": [{"account": "planner", "name": "planner", "at": zone}]}
        assert stream.next("presence") == here.json()
        viewer.post(f"/api/plans/{plan}/presence", json={})
        both = stream.next("presence")["who"]
        assert [(one["account"], one["at"]) for one in both] == [("planner", zone), ("viewer", None)]
        # The viewer's last word is soon forgotten: whether that is noticed with it or a ping later, it is told.
        monkeypatch.setattr(watching, "FORGET_S", 0.1)
        viewer.post(f"/api/plans/{plan}/presence", json={})
        assert [one["account"] for one in stream.next("presence")["who"]] == ["planner"]


def test_a_zone_in_hand_has_the_name_that_the_plan_gave_it(web, plan) -> None:
    planner = web.browser("planner")
    planner.post(f"/api/plans/{plan}/edits", json={"revision": 0, "edit": RENAME})
    who = planner.post(f"/api/plans/{plan}/presence", json=HERE).json()["who"]
    assert who[0]["at"]["name"] == "新名网格"
    lost = planner.post(f"/api/plans/{plan}/presence", json={**HERE, "code": "无此网格"}).json()["who"]
    assert lost[0]["at"]["name"] == "无此网格"


def test_streams_come_back_after_the_database_was_away(web, address, plan, monkeypatch) -> None:
    monkeypatch.setattr(watching, "AGAIN_S", 0.0)
    with listening(web, address, plan) as stream:
        stream.next("revision")
        with transaction(web.engine) as session:
            # What was announced meanwhile is lost with the connection: everything is told anew.
            session.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
            )
            session.execute(text("UPDATE plan SET revision = 7 WHERE id = :id"), {"id": plan})
        while stream.next("revision")["revision"] != 7:
            pass


def test_a_stream_ends_when_its_time_is_over(web, address, plan, monkeypatch) -> None:
    monkeypatch.setattr(events, "STREAM_S", 0.1)
    with listening(web, address, plan) as stream:
        # Perhaps with news between, on a machine that is quick: what it ends with is an answer that is whole.
        assert stream.rest()[0] == f"retry: {events.RETRY_MS}"


def test_comments_are_pinned_answered_resolved_and_told(web, address, plan) -> None:
    planner, viewer, stranger = (web.browser(name) for name in ("planner", "viewer", "stranger"))
    path = f"/api/plans/{plan}/comments"
    with listening(web, address, plan) as stream:
        assert stream.next("comments") == {"count": 0, "open": 0}
        made = viewer.post(path, json={"text": "楼门朝南，应归三网格", "point": [121.405, 31.065]})
        assert made.status_code == 201
        assert stream.next("comments") == {"count": 1, "open": 1}
        number = made.json()["id"]
        planner.post(f"{path}/{number}/replies", json={"text": "同意"})
        assert stream.next("comments") == {"count": 1, "open": 1}
        assert stranger.post(f"{path}/{number}/resolve").status_code == 403
        resolved = planner.post(f"{path}/{number}/resolve").json()
        assert stream.next("comments") == {"count": 1, "open": 0}
    assert resolved["resolved_by"] == "planner"
    assert resolved["resolved_at"] is not None
    (entry,) = viewer.get(path).json()
    assert entry["point"] == [121.405, 31.065]
    assert (entry["author"], [reply["text"] for reply in entry["replies"]]) == ("viewer", ["同意"])
    assert viewer.post(f"{path}/{number}/reopen").json()["resolved_by"] is None
    assert viewer.post(f"{path}/{number + 1}/resolve").status_code == 404
    other = planner.post("/api/plans", json={"territory": "town", "name": "另一个"}).json()["id"]
    assert planner.post(f"/api/plans/{other}/comments/{number}/resolve").status_code == 404
    planner.delete(f"/api/plans/{plan}")
    closed = viewer.post(path, json={"text": "晚了", "point": [121.405, 31.065]})
    assert closed.status_code == 409
    assert "已归档" in closed.json()["detail"]


@pytest.mark.parametrize("point", [[181, 0], [0, 91], [121.4], ["东", "北"]])
def test_a_comment_needs_a_place_on_the_globe(web, plan, point) -> None:
    answer = web.browser("planner").post(f"/api/plans/{plan}/comments", json={"text": "哪里", "point": point})
    assert answer.status_code == 422
    with transaction(web.engine) as session:
        assert plans.get_plan(session, plan).status == "open"


def test_watchers_are_told_once_and_only_when_nothing_can_be_missed(monkeypatch) -> None:
    """One that comes while the connection is still being made waits for it, like the one before."""
    told: list[tuple[watching.Watcher, str]] = []
    monkeypatch.setattr(watching.Watcher, "tell", lambda self, event, _: told.append((self, event)))

    async def scenario() -> None:
        ready, begun = asyncio.Event(), asyncio.Event()

        async def slow(_engine):
            await ready.wait()
            yield BEGUN
            begun.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(watching, "announcements", slow)
        crowd, engine = watching.Watching(), create_engine("postgresql+psycopg://")
        with crowd.watch(engine, 1) as first, crowd.watch(engine, 1) as second:
            assert told == []
            ready.set()
            await begun.wait()
            assert len(told) == 2
            assert {watcher for watcher, _ in told} == {first, second}
            with crowd.watch(engine, 1) as late:
                assert told[2:] == [(late, watching.RESUME)]

    # In a thread of its own: a browser test that ran before leaves its loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, scenario()).result()
