"""kill -9 of the service, and of the database, while a plan is published: the old version or the new, never a mix.

A real ``onegrid serve`` on a real cluster. Where the publishing is when it is killed is decided by triggers that this
test puts into the database: each waits for an advisory lock that the test holds, so the transaction stands still at
that very statement (the last one stands inside COMMIT), and the test waits until it does.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from sqlalchemy.orm import Session

from api.store import accounts, assignments, checks, credentials, places, versions
from api.store.cluster import Cluster
from api.store.engine import make_engine
from api.store.schema import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from geo.records import Place

COMMAND = [sys.executable, "-c", "from api.cli import app; app()"]

STATEMENTS = {
    "zones written": "AFTER INSERT ON zone FOR EACH STATEMENT",
    "subjects assigned": "AFTER INSERT ON assignment_block FOR EACH STATEMENT",
    "lineage stored": "AFTER INSERT ON lineage FOR EACH STATEMENT",
    "ledger stored": "AFTER INSERT ON version_move FOR EACH STATEMENT",
    "old version ended": "AFTER UPDATE OF valid_to ON version FOR EACH STATEMENT",
    "new version in force": "AFTER UPDATE OF status ON version FOR EACH STATEMENT",
    "plan closed": "AFTER UPDATE OF status ON plan FOR EACH STATEMENT",
}
"""Where the publishing may stand, in its order; then comes COMMIT itself."""

COMMIT = "inside COMMIT"

HOLD = """
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext(TG_ARGV[0]));
    RETURN NULL;
END $$
"""

# In the middle of G0001: its households move to G0000 when the two are merged.
INSIDE = {"lon": 121.405, "lat": 31.0615, "territory": "board"}


@dataclass
class House:
    """A cluster, and the service on it.

    Parameters
    ----------
    cluster
        The private database, in a home of its own.
    key
        Of an admin.
    """

    cluster: Cluster
    key: str = ""
    process: subprocess.Popen[str] | None = None
    client: httpx.Client | None = None

    def serve(self) -> None:
        """Start the service and wait until it answers."""
        environment = {**os.environ, "ONEGRID_HOME": str(self.cluster.home)}
        environment.pop("ONEGRID_DATABASE_URL", None)
        log = self.cluster.home / "service.log"
        with log.open("a") as errors:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", "--port", "0"],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
            )
        assert self.process.stdout is not None
        link = next((line for line in self.process.stdout if "token=" in line), None)
        assert link is not None, log.read_text()
        self.client = httpx.Client(
            base_url=link.partition("/sign-in")[0],
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=120,
        )

    def kill_service(self) -> None:
        """End the service as a power cut would."""
        assert self.process is not None
        if self.client is not None:
            self.client.close()
        self.process.kill()
        self.process.communicate()

    def kill_database(self) -> None:
        """End the server and every process of it at once."""
        pid = self.cluster.pid
        assert pid is not None
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        pids = [pid, *map(int, children)]
        for each in pids:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        for each in pids:
            while _is_alive(each):
                os.sched_yield()

    @property
    def version(self) -> str:
        """The version in force."""
        return str(self.get("territories")[0]["current_version"])

    def get(self, path: str, **params: Any) -> Any:
        assert self.client is not None
        answer = self.client.get(f"/api/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        assert self.client is not None
        answer = self.client.post(f"/api/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def publish(self, plan: int) -> int:
        return int(self.post(f"plans/{plan}/publish", {"reason": "会议通过"})["job"])

    def finished(self, job: int) -> dict[str, Any]:
        """Wait until a job has ended."""
        while (state := self.get(f"jobs/{job}"))["status"] in {"waiting", "running"}:
            os.sched_yield()
        return dict(state)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the latter: it went between opening and reading
        return False


class Held:
    """The publishing held at a point."""

    def __init__(self, cluster: Cluster, point: str) -> None:
        self._connection = cluster.connect("onegrid")
        self._point = point
        self._connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [point])

    def wait(self) -> None:
        """Wait until somebody stands at the point."""
        while not self._connection.execute(
            """SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
               AND objid::int8 = (hashtext(%s)::int8 & x'ffffffff'::int8)""",
            [self._point],
        ).fetchone():
            os.sched_yield()

    def let_go(self) -> None:
        """Let the transaction of a killed service go on, and wait until the server's side of that service has ended.

        All of it: the next service takes over the jobs when nobody holds the lock of the one before.
        """
        self._connection.execute("SELECT pg_advisory_unlock(hashtext(%s))", [self._point])
        others = """SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
                    AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
        while self._connection.execute(others).fetchone():
            os.sched_yield()
        self._connection.close()

    def drop(self) -> None:
        """Forget it: the server has gone."""
        with suppress(psycopg.OperationalError):
            self._connection.close()


@pytest.fixture(scope="module")
def house(make_board: Callable[..., Place]) -> Iterator[House]:
    """Serve a published board of 36 grids and some thousand households, with the points to hold at."""
    # Not pytest's own folder: its path may be too long for a socket, and closed to the user postgres.
    home = Path(tempfile.mkdtemp(prefix="onegrid-test-"))
    home.chmod(0o755)
    made = House(Cluster(home))  # as the service does it: with fsync and all, this is about not losing data
    made.cluster.acquire()
    try:
        engine = make_engine(made.cluster.url)
        upgrade(engine)
        with Session(engine) as session, session.begin():
            places.load_place(session, make_board(side=6, households=5000))
            assignments.assign(session, "board-v1")
            checks.check(session, "board-v1")
            versions.publish(session, "board-v1", "首次发布")
            accounts.add_first_admin(session)
            made.key = credentials.add_key(session, accounts.FIRST_ADMIN, "test")
        engine.dispose()
        with made.cluster.connect("onegrid") as connection:
            connection.execute(HOLD)
            for number, (point, when) in enumerate(STATEMENTS.items()):
                connection.execute(
                    f"CREATE TRIGGER hold_{number} {when} EXECUTE FUNCTION hold('{point}')"  # type: ignore[arg-type]
                )
            connection.execute(
                f"""CREATE CONSTRAINT TRIGGER hold_commit AFTER UPDATE ON version DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION hold('{COMMIT}')"""  # type: ignore[arg-type]
            )
        made.serve()
        yield made
    finally:
        if made.process is not None:
            made.kill_service()
        made.cluster.stop()
        shutil.rmtree(home)


def new_plan(house: House, *edits: dict[str, Any]) -> int:
    plan = int(house.post("plans", {"territory": "board", "name": "调整"})["id"])
    for revision, edit in enumerate(edits):
        house.post(f"plans/{plan}/edits", {"revision": revision, "edit": {**edit, "level": "grid"}})
    return plan


MERGE = {"operation": "merge", "codes": ["G0000", "G0001"]}
RENUMBER = {"operation": "renumber", "codes": {"G0505": "G0600"}}
SPLIT = {
    "operation": "split",
    "code": "G0202",
    "codes": ["G0700"],
    "line": [[121.4083, 31.0666], [121.4084, 31.0701]],
}
MERGE_NORTH = {"operation": "merge", "codes": ["G0303", "G0304"]}
MERGE_BACK = {"operation": "merge", "codes": ["G0002", "G0000"]}


def agree(house: House, plan: int, version: str, before: str | None = None) -> None:
    """Check that everything says that this version is in force, and that nothing of another is left behind.

    Parameters
    ----------
    plan
        The plan: published as this version if there is one ``before``, else open.
    version
        In force.
    before
        In force until then, when the plan was published.
    """
    published = before is not None
    assert house.version == version
    entry = house.get(f"plans/{plan}")
    assert entry["status"] == ("published" if published else "open")
    answer = house.get("lookup", **INSIDE)
    (grid,) = [zone for zone in answer["matches"][0]["zones"] if zone["level"] == "grid"]
    codes = {zone["code"] for zone in house.get(f"versions/{version}/zones", level="grid")["zones"]}
    assert answer["version"] == version
    assert grid["code"] in codes
    details = house.get(f"versions/{version}")
    assert details["status"] == "published"
    assert details["faults"]["errors"] == 0
    reasons = ("assigned", "outside", "gap", "no_location", "bad_location")
    rows = [row for row in details["reconciliation"] if row["level"] == "grid"]
    assert sum(row["total"] for row in rows) == 5008
    assert all(sum(row[reason] for reason in reasons) == row["total"] for row in rows)
    counted = house.get(f"versions/{version}/zones", level="grid")["zones"]
    assert sum(zone["counts"]["household"] for zone in counted) == next(
        row["assigned"] for row in rows if row["kind"] == "household"
    )
    assert house.client is not None
    tile = house.client.get(f"/api/tiles/{version}/grid/12/3429/1675.mvt")
    assert tile.status_code == 200
    assert {code for code in codes if code.encode() in tile.content} == codes
    ledger = house.get(f"versions/{version}/ledger")
    assert (ledger["plan"] == plan) == published
    with house.cluster.connect("onegrid") as connection:
        spans = connection.execute(
            "SELECT code, status, valid_from, valid_to FROM version ORDER BY number"
        ).fetchall()
        assert [span[0] for span in spans] == [f"board-v{number + 1}" for number in range(len(spans))]
        assert spans[-1][0] == version, "a draft was left behind"
        assert {span[1] for span in spans} == {"published"}
        for old, new in pairwise(spans):
            assert old[3] == new[2], "one version ends when the next begins"
        assert spans[-1][3] is None
        stray = connection.execute(
            """SELECT (SELECT count(*) FROM assignment_run r JOIN version v ON v.id = r.version_id
                       WHERE r.id <> v.run_id),
                      (SELECT count(*) FROM version_move m JOIN plan p ON p.version_id = m.version_id
                       WHERE p.status <> 'published'),
                      (SELECT count(*) FROM job WHERE status IN ('waiting', 'running'))"""
        ).fetchone()
        assert stray == (0, 0, 0)
    if before is not None:
        assert house.get(f"versions/{before}")["valid_to"] == details["valid_from"]
        assert details["reason"] == "会议通过"
        then = house.get("lookup", **INSIDE, as_of=house.get(f"versions/{before}")["valid_from"])
        assert then["version"] == before
        moved = house.get(f"versions/{before}/compare/{version}", level="grid")["moves"]
        assert moved == [move for move in ledger["moves"] if move["level"] == "grid"]
        assert house.get(f"versions/{version}/lineage")["lineage"] != []


def after(version: str) -> str:
    territory, number = version.rsplit("-v", 1)
    return f"{territory}-v{int(number) + 1}"


def test_kill_9_of_the_service_while_publishing(house: House) -> None:
    plan, old = new_plan(house, MERGE, RENUMBER), house.version
    for point in ("zones written", "ledger stored", "new version in force"):
        held = Held(house.cluster, point)
        job = house.publish(plan)
        held.wait()
        # Everybody sees the old version until the very end, and nobody waits.
        assert house.get("lookup", **INSIDE)["version"] == old
        house.kill_service()
        held.let_go()
        house.serve()
        assert house.get(f"jobs/{job}")["message"] == "服务重启", point
        agree(house, plan, old)
    held = Held(house.cluster, COMMIT)
    job = house.publish(plan)
    held.wait()
    assert house.get("lookup", **INSIDE)["version"] == old
    house.kill_service()
    held.let_go()  # the server had been told to commit: it does, whoever asked is gone
    house.serve()
    new = after(old)
    assert house.get(f"jobs/{job}")["result"] == {"version": new}
    agree(house, plan, new, before=old)
    following = new_plan(house, MERGE_BACK)
    assert house.finished(house.publish(following))["status"] == "done"
    agree(house, following, after(new), before=new)


def test_kill_9_of_the_database_while_publishing(house: House) -> None:
    plan, old = new_plan(house, MERGE_NORTH, SPLIT), house.version
    for point in ("subjects assigned", "lineage stored", "old version ended", "plan closed", COMMIT):
        held = Held(house.cluster, point)
        job = house.publish(plan)
        held.wait()
        house.kill_database()
        held.drop()
        house.cluster.start()
        # The service has lived through it: its job says that it failed, and the old version is whole.
        assert house.finished(job)["status"] == "failed", point
        agree(house, plan, old)
    job = house.publish(plan)
    assert house.finished(job)["status"] == "done"
    house.kill_database()
    house.cluster.start()
    agree(house, plan, after(old), before=old)
