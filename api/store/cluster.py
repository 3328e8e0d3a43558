"""The embedded database: a private PostgreSQL + PostGIS cluster in a data folder of its own, on a Unix socket only.

The folder ``<home>/cluster`` holds ``data`` (PostgreSQL's own), ``server.log``, and two lock files. ``lock`` is held
while a process starts or stops the server, so that two starts at once make one server. ``users`` is held, shared, by
every process that uses the server: the last to leave stops it, unless ``onegrid db start`` asked it to stay (``keep``).
A process that dies by ``kill -9`` loses its locks with its life, so nothing has to be cleaned up after it.

PostgreSQL refuses to run as root: it runs as ``postgres`` then, and root connects through a peer map.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from api.store.binaries import INSTALL, Binaries, find_binaries
from api.store.errors import BinariesMissingError, ClusterError, DiskFullError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROLE = "onegrid"
DATABASE = "onegrid"
PORT = 5432
"""Only part of the socket's name: nothing listens on a network port."""

SOCKET_PATH_MAX = 107
"""sockaddr_un.sun_path holds 108 bytes with the closing NUL (unix(7))."""

FREE_TO_START_MB = 300
START_TIMEOUT_S = 120
LOCK_TIMEOUT_S = 150
ORPHAN_TIMEOUT_S = 30


def memory_settings(total_bytes: int, cpus: int) -> dict[str, str]:
    """Return PostgreSQL settings that suit a machine which also runs the service and the kernel.

    A quarter of the memory is shared (at most 4 GiB), half is assumed to cache files.
    """
    total_mb = max(total_bytes // 2**20, 512)
    shared = min(max(total_mb // 4, 128), 4096)
    return {
        "shared_buffers": f"{shared}MB",
        "effective_cache_size": f"{max(total_mb // 2, 256)}MB",
        "maintenance_work_mem": f"{min(max(total_mb // 16, 64), 512)}MB",
        "work_mem": f"{min(max(total_mb // 256, 8), 64)}MB",
        "max_parallel_workers_per_gather": str(min(max(cpus // 2, 1), 4)),
        "max_parallel_maintenance_workers": str(min(max(cpus // 2, 1), 4)),
    }


def _machine() -> tuple[int, int]:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), os.cpu_count() or 1


@dataclass
class Cluster:
    """The embedded database under one home folder.

    Parameters
    ----------
    home
        Data folder of OneGrid (``ONEGRID_HOME``).
    extra
        PostgreSQL settings on top of OneGrid's own (tests switch ``fsync`` off).
    """

    home: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    _users: int | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Make the home absolute: the server runs elsewhere."""
        self.home = Path(self.home).absolute()

    # ---- places ---------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """Everything of the cluster."""
        return self.home / "cluster"

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.data / "server.log"

    @property
    def socket_folder(self) -> Path:
        """Where the socket is: in the cluster's folder, or in a short one when that path is too long."""
        own = self.folder / "run"
        if len(os.fsencode(own / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_MAX:
            return own
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path("/tmp") / f"onegrid-{digest}"  # noqa: S108  made 0700 and checked for its owner

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database of this cluster."""
        return f"postgresql+psycopg://{ROLE}@/{database}?host={self.socket_folder}&port={PORT}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """Connect with autocommit, for work on databases rather than in one."""
        return psycopg.connect(
            host=str(self.socket_folder),
            port=PORT,
            user=ROLE,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        )

    # ---- who runs it ----------------------------------------------------------------------------------------

    @property
    def _server_user(self) -> pwd.struct_passwd:
        if os.geteuid() != 0:
            return pwd.getpwuid(os.geteuid())
        try:
            return pwd.getpwnam("postgres")
        except KeyError as error:
            raise BinariesMissingError(
                "以 root 运行时需要系统用户 postgres，但本机没有该用户。",
                "root needs the system user 'postgres', which is missing",
                remedy=INSTALL,
            ) from error

    def run(self, *command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program of PostgreSQL as the server's user, with messages in English for our own reading.

        Raises
        ------
        ClusterError
            The program failed; the message holds its last lines.
        """
        prefix: tuple[str, ...] = ()
        if os.geteuid() == 0:
            user = self._server_user
            prefix = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--")
        # LC_ALL also reaches the server: its messages are then the same on every machine.
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        result = subprocess.run(  # noqa: S603  our own arguments, no shell
            [*prefix, *command],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=environment,
            umask=0o077,
        )
        if result.returncode:
            raise self._explain(Path(command[0]).name, result.stderr + result.stdout)
        return result

    def _log_tail(self) -> str:
        try:
            lines = self.log.read_text("utf-8", "replace").splitlines()[-12:]
        except OSError:
            return ""
        return "\n".join(lines)

    def _explain(self, program: str, output: str) -> ClusterError:
        tail = f"{output.strip()}\n{self._log_tail()}".strip()
        if re.search(r"No space left on device|could not (write|extend).*space", tail):
            return self._disk_full(0)
        return ClusterError(
            f"内置数据库的 {program} 失败。日志: {self.log}",
            f"{program} failed: {tail[-1500:]}",
            remedy="请按日志最后几行处理；数据没有改动。",
        )

    def _disk_full(self, free_mb: int) -> DiskFullError:
        return DiskFullError(
            f"磁盘空间不足: {self.home} 所在磁盘只剩 {free_mb} MB，至少需要 {FREE_TO_START_MB} MB。",
            f"only {free_mb} MB are free on the disk of {self.home}",
            remedy="请清理磁盘，或用 ONEGRID_HOME 换到更大的磁盘；已有数据没有损坏。",
        )

    # ---- state ----------------------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """Whether the data folder has been made."""
        return (self.data / "PG_VERSION").exists()

    @property
    def major(self) -> int | None:
        """Major version of PostgreSQL that made the data folder, None when there is none."""
        try:
            return int((self.data / "PG_VERSION").read_text().strip().split(".")[0])
        except (OSError, ValueError):
            return None

    @property
    def pid(self) -> int | None:
        """Process of the running server, None when it does not run (whatever an old pid file says)."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return pid if self._is_server(pid) else None

    def _is_server(self, pid: int) -> bool:
        # A server's working folder is its data folder: a process number that another program took over is told apart.
        try:
            return Path(f"/proc/{pid}/cwd").samefile(self.data)
        except OSError:
            return False

    def ready(self) -> bool:
        """Whether the server answers."""
        try:
            self.connect().close()
        except psycopg.Error:
            return False
        return True

    # ---- locks ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._make_folders()
        with (self.folder / "lock").open("a") as lock:
            deadline = time.monotonic() + LOCK_TIMEOUT_S
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        raise ClusterError(
                            "另一个 onegrid 进程正在启动或停止内置数据库，等待超时。",
                            f"another process has held {self.folder / 'lock'} for {LOCK_TIMEOUT_S} s",
                            remedy="请结束那个进程后重试。",
                        ) from error
                    time.sleep(0.05)
            yield

    def _make_folders(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ClusterError(
                f"无法建立数据目录 {self.folder}: {error.strerror}。",
                f"cannot make {self.folder}: {error}",
                remedy="请检查权限，或用 ONEGRID_HOME 指定可写的目录。",
            ) from error
        self._own(self.socket_folder)

    def _own(self, folder: Path) -> None:
        """Make a folder that only the server's user (and root) can enter, and refuse one of somebody else."""
        user = self._server_user
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if folder.is_symlink() or status.st_uid not in {user.pw_uid, os.geteuid()}:
            raise ClusterError(
                f"目录 {folder} 属于别的用户，不能使用。",
                f"{folder} belongs to another user",
                remedy="请删除该目录，或用 ONEGRID_HOME 指定别的目录。",
            )
        if os.geteuid() == 0:
            os.chown(folder, user.pw_uid, user.pw_gid)
        folder.chmod(0o700)

    # ---- life -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the data folder if need be and start the server, unless it runs already.

        Raises
        ------
        ClusterError
            With the reason and the remedy: missing programs, a full disk, an unreachable folder, and so on.
        """
        with self._locked():
            self._start()

    def stop(self) -> None:
        """Stop the server, whoever uses it. Nothing happens when it does not run."""
        with self._locked():
            (self.folder / "keep").unlink(missing_ok=True)
            self._stop()

    def keep(self) -> None:
        """Let the server run on when the last process that uses it ends."""
        (self.folder / "keep").touch()

    def acquire(self) -> None:
        """Start the server if need be and mark this process as using it, until :meth:`release` or its end."""
        with self._locked():
            self._start()
            if self._users is None:
                descriptor = os.open(self.folder / "users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                fcntl.flock(descriptor, fcntl.LOCK_SH)
                self._users = descriptor

    def release(self) -> None:
        """Stop using the server; the last process to leave stops it."""
        if self._users is None:
            return
        with self._locked():
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # others still use it
            else:
                if not (self.folder / "keep").exists():
                    self._stop()
            finally:
                os.close(self._users)
                self._users = None

    def _start(self) -> None:
        if self.pid is not None and self.ready():
            return
        binaries = find_binaries(self.major)
        self._check_reachable()
        self._check_space()
        if not self.exists:
            self._initialise(binaries)
        self._configure()
        self._clear_stale_pid()
        self.run(
            binaries.path("pg_ctl"), "start", "-w", "-s", "-t", str(START_TIMEOUT_S),
            "-D", str(self.data), "-l", str(self.log),
        )  # fmt: skip
        with self.connect() as connection:
            exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not exists:
                connection.execute(f'CREATE DATABASE "{DATABASE}"'.encode())

    def _stop(self) -> None:
        if self.pid is None:
            return
        binaries = find_binaries(self.major)
        self.run(binaries.path("pg_ctl"), "stop", "-w", "-s", "-m", "fast", "-D", str(self.data))

    def _check_reachable(self) -> None:
        """Refuse a home that the server's user cannot enter, such as one under ``/root``."""
        if os.geteuid() != 0:
            return
        try:
            self.run("test", "-x", str(self.folder))
        except ClusterError as error:
            name = self._server_user.pw_name
            raise ClusterError(
                f"以 root 运行时数据库由用户 {name} 运行，但它进不了 {self.folder} (上级目录不允许进入)。",
                f"the user {name} cannot enter {self.folder}",
                remedy="请用 ONEGRID_HOME 指定它能进入的目录，例如 /var/lib/onegrid。",
            ) from error

    def _check_space(self) -> None:
        free_mb = shutil.disk_usage(self.folder).free // 2**20
        if free_mb < FREE_TO_START_MB:
            raise self._disk_full(free_mb)

    def _initialise(self, binaries: Binaries) -> None:
        """Make the data folder beside its place and move it there when complete: an aborted start leaves no half."""
        self._sweep()
        # The server's user must be able to make it: a folder of its own inside ours.
        nursery = Path(tempfile.mkdtemp(prefix="new-", dir=self.folder))
        self._own(nursery)
        made = nursery / "data"
        self.run(
            binaries.path("initdb"), "-D", str(made), "-U", ROLE, "--encoding=UTF8", "--locale=C.UTF-8",
            "--auth-local=peer", "--auth-host=reject", "--data-checksums",
        )  # fmt: skip
        names = {self._server_user.pw_name, pwd.getpwuid(os.geteuid()).pw_name}
        ident = "".join(f'onegrid "{name}" {ROLE}\n' for name in sorted(names))
        (made / "pg_ident.conf").write_text(ident, "utf-8")
        (made / "pg_hba.conf").write_text("local all all peer map=onegrid\n", "utf-8")
        with (made / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write("\ninclude_if_exists = 'onegrid.conf'\n")
        made.rename(self.data)
        nursery.rmdir()

    def _sweep(self) -> None:
        for left in self.folder.glob("new-*"):
            shutil.rmtree(left)

    def _configure(self) -> None:
        """Write the settings anew at every start: the machine, or the path of the home, may have changed."""
        values = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_folder),
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "max_connections": "60",
            # A private server has no standby: the least log that brings it back after a crash will do.
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "max_wal_size": "2GB",
            "checkpoint_timeout": "15min",
            "random_page_cost": "1.1",
            "jit": "off",  # spatial queries are short: compiling them costs more than it saves
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_min_duration_statement": "-1",
            "logging_collector": "off",
            **memory_settings(*_machine()),
            **self.extra,
        }
        text = "# Written by OneGrid at every start; edit postgresql.conf below its include line instead.\n"
        text += "".join(f"{name} = '{value}'\n" for name, value in values.items())
        target = self.data / "onegrid.conf"
        target.write_text(text, "utf-8")
        if os.geteuid() == 0:
            os.chown(target, self._server_user.pw_uid, self._server_user.pw_gid)

    def _clear_stale_pid(self) -> None:
        """Remove lock files of a crashed server whose process number is taken: by another program, or by a zombie.

        The server itself clears those whose number nobody has, and frees the shared memory that they name. It cannot
        tell that a living number is not a server's. Where nobody buries dead processes, as in containers without
        an init, that is the crashed server's own.
        """
        self._wait_for_orphans()
        for lock in (self.data / "postmaster.pid", self.socket_folder / f".s.PGSQL.{PORT}.lock"):
            try:
                pid = int(lock.read_text().split("\n", 1)[0])
            except FileNotFoundError:
                continue
            except ValueError:  # cut short by a full disk
                lock.unlink()
                continue
            if Path(f"/proc/{pid}").exists() and not self._is_server(pid):
                lock.unlink()

    def _wait_for_orphans(self) -> None:
        """Wait until no process of a crashed server still works on the data: they end on their own."""
        deadline = time.monotonic() + ORPHAN_TIMEOUT_S
        while any(
            self._is_server(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()
        ):
            if time.monotonic() > deadline:
                raise ClusterError(
                    "上次异常退出的数据库还有进程没有结束。",
                    f"processes of a crashed server still work on {self.data}",
                    remedy="请稍候重试，或重新启动机器。",
                )
            time.sleep(0.05)
