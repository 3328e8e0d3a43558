"""Work longer than a second: a row in ``job`` with its percentage, done by a small pool in the service's process.

A job does all its writing in one transaction, together with the line that says it is done: after a crash it was either
done or nothing of it was. Its percentage is written by transactions of its own, so that others see it.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import structlog
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from api.store.errors import NotFoundError
from api.store.models import Job
from geo.errors import BadRecordsError, GeoError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

    from api.store.accounts import Caller
    from api.store.audit import Actor
    from api.store.progress import Progress

WORKERS: Final = 2
"""Kernels use all cores themselves: more jobs at once would only slow each other down."""
FAULTS_KEPT: Final = 200
"""Faults of a file that a failed load lists; the rest is counted."""
INTERRUPTED: Final = "服务重启"
AGAIN_S: Final = 1.0
"""How long to wait before saying again that a job failed, while the database cannot be reached."""

# Two numbers that no other lock has: "oneg", and its first.
_LOCK: Final = text(f"SELECT pg_try_advisory_lock({0x6F6E6567}, 1)")
_UNLOCK: Final = text(f"SELECT pg_advisory_unlock({0x6F6E6567}, 1)")

_log = structlog.get_logger(__name__)


Status = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True)
class JobState:
    """How far a job is.

    Parameters
    ----------
    status
        ``waiting``, ``running``, ``done`` or ``failed``.
    percent
        0 to 100.
    message
        What it is doing, or why it failed.
    result
        What it gave, when done; the faults found, when it failed on a file's rows.
    """

    id: int
    kind: str
    status: Status
    percent: int
    message: str
    result: dict[str, Any] | None
    account: str


class JobRunner:
    """The pool that does jobs for one database.

    Parameters
    ----------
    engine
        The database.

    Notes
    -----
    The first runner of a database holds an advisory lock for as long as it lives, and only it marks what an earlier
    service left behind: a second service beside it does not fail the first one's running jobs.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="job")
        self._lock: Connection | None = None
        self._pending: set[Future[None]] = set()
        self._stopping = threading.Event()

    def start(self) -> bool:
        """Mark jobs that a stopped service left unfinished as failed; return whether this runner may do so."""
        self._lock = self._engine.connect()
        held = self._lock.scalar(_LOCK)
        self._lock.commit()
        if not held:
            self._lock.close()
            self._lock = None
            return False
        left = recover(self._engine)
        if left:
            _log.warning("jobs of a stopped service failed", jobs=left)
        return True

    def stop(self) -> None:
        """Let running jobs end, drop waiting ones (they are marked at the next start), and give the lock back."""
        self._stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._lock is not None:
            # By word: the server notices the end of a connection a little later than the next service starts.
            with suppress(DBAPIError):  # the database is away, and the lock with it
                self._lock.execute(_UNLOCK)
                self._lock.commit()
            self._lock.close()
            self._lock = None

    def submit(
        self,
        kind: str,
        arguments: dict[str, Any],
        actor: Actor,
        work: Callable[[Session, Progress], dict[str, Any]],
    ) -> int:
        """Enqueue a job and return its number.

        Parameters
        ----------
        kind
            What it does: ``load``, ``assign``, ``check``, ``circles``.
        arguments
            What it was asked, for the record.
        actor
            Who asked.
        work
            Called with the transaction and ``progress(share, message)``, share from 0 to 1; returns a JSON object.
        """
        with Session(self._engine) as session, session.begin():
            job = Job(kind=kind, arguments=arguments, account=actor.account)
            session.add(job)
            session.flush()
            number = job.id
        future = self._pool.submit(self._run, number, work)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return number

    def wait(self) -> None:
        """Wait until every job submitted so far has ended."""
        wait(self._pending.copy())

    def _run(
        self, number: int, work: Callable[[Session, Callable[[float, str], None]], dict[str, Any]]
    ) -> None:
        shown = [-1, ""]

        def progress(share: float, message: str = "") -> None:
            state = [min(99, max(0, int(share * 100))), message]
            if state != shown:
                shown[:] = state
                self._note(number, percent=state[0], message=message)

        self._note(number, status="running", started_at=_now())
        try:
            with Session(self._engine) as session, session.begin():
                result = work(session, progress)
                values = {
                    "status": "done",
                    "percent": 100,
                    "message": "完成",
                    "finished_at": _now(),
                    "result": result,
                }
                session.execute(update(Job).where(Job.id == number).values(**values))
        except GeoError as error:
            _log.info("job refused", job=number, error=str(error))
            self._fail(number, f"{error.zh}{error.remedy}", _faults(error))
        except Exception as error:  # noqa: BLE001  the pool would swallow it; the job must say that it failed
            _log.exception("job failed", job=number)
            self._fail(number, f"内部错误（{type(error).__name__}），请把任务号 {number} 告诉管理员。", None)

    def _fail(self, number: int, message: str, result: dict[str, Any] | None) -> None:
        values = {"status": "failed", "message": message, "finished_at": _now(), "result": result}
        # A connection that broke while committing may have committed: then the job is done, and stays so.
        failed = update(Job).where(Job.id == number, Job.status != "done").values(**values)
        while True:
            try:
                with self._engine.begin() as connection:
                    connection.execute(failed)
            except OperationalError:
                # The database is away. When it is back, the job must not seem to be running still.
                if self._stopping.wait(AGAIN_S):
                    return  # the next start says it
            else:
                return

    def _note(self, number: int, **values: Any) -> None:  # noqa: ANN401  columns of the row
        with self._engine.begin() as connection:
            connection.execute(update(Job).where(Job.id == number).values(**values))


def recover(engine: Engine) -> int:
    """Mark every unfinished job as failed because the service stopped; return how many there were."""
    with engine.begin() as connection:
        unfinished = update(Job).where(Job.status.in_(("waiting", "running")))
        left = connection.execute(unfinished.values(status="failed", message=INTERRUPTED, finished_at=_now()))
        return left.rowcount


def get_job(session: Session, number: int, caller: Caller) -> JobState:
    """Return how far a job is.

    Raises
    ------
    NotFoundError
        When there is none of that number, or it is another's and the caller is no admin: results may show rows of
        another's file.
    """
    job = session.get(Job, number)
    if job is None or not (caller.role == "admin" or job.account == caller.name):
        raise NotFoundError(f"没有编号为 {number} 的任务。", f"no job {number}", remedy="请核对任务号。")
    return JobState(
        job.id, job.kind, cast("Status", job.status), job.percent, job.message, job.result, job.account
    )


def _faults(error: GeoError) -> dict[str, Any] | None:
    if not isinstance(error, BadRecordsError):
        return None
    rows = error.faults.head(FAULTS_KEPT).astype(object)
    rows = rows.where(rows.notna(), None)
    return {"faults": rows.to_dict("records"), "faults_total": len(error.faults)}


def _now() -> datetime:
    return datetime.now(UTC)
