"""``onegrid serve``: the service on this machine."""

from __future__ import annotations

import errno
import logging
import signal
import socket
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
import uvicorn
from rich.console import Console
from structlog.tracebacks import ExceptionDictTransformer

from api.app import create_app
from api.services import Services
from api.settings import get_settings
from api.store import lookups
from api.store.accounts import FIRST_ADMIN, add_first_admin
from api.store.credentials import LINK_MINUTES, make_link
from api.store.engine import get_engine
from api.store.jobs import JobRunner
from api.store.rooms import Rooms
from api.store.transactions import transaction
from geo.errors import GeoError

if TYPE_CHECKING:
    from types import FrameType


class PortTakenError(GeoError, OSError):
    """An address that cannot be listened on."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    host: Annotated[str | None, typer.Option(help="监听地址 address (默认 ONEGRID_HOST)")] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="监听端口 port；0 为任一空闲端口 any that is free (默认 ONEGRID_PORT)", min=0, max=65535
        ),
    ] = None,
    link: Annotated[bool, typer.Option(help="显示管理员的一次性登录链接 print a sign-in link")] = True,
) -> None:
    """启动服务：打开打印出的链接即可登录。Start the service and print a one-time sign-in link."""
    settings = get_settings()
    host = host or settings.host
    listener = listen(host, settings.port if port is None else port)
    port = listener.getsockname()[1]
    set_up_logging()
    engine = get_engine()
    services = Services(settings, engine, JobRunner(engine), rooms=Rooms(settings.walk_speed_mps))
    with transaction(engine) as session:
        add_first_admin(session)
        token = make_link(session, FIRST_ADMIN) if link else None
    application = create_app(settings, services=services)
    address = f"http://{'127.0.0.1' if host in {'0.0.0.0', '::'} else host}:{port}"  # noqa: S104  compared, not bound
    console = Console()
    console.print(f"OneGrid 一网格 [bold]{address}[/]")
    if token is not None:
        # Plain: a terminal that wraps or styles the link would break it.
        console.print(f"管理员一次性登录链接（{LINK_MINUTES} 分钟内有效，只能用一次） One-time sign-in link:")
        print(f"{address}/sign-in?token={token}", flush=True)  # noqa: T201
    threading.Thread(target=_warm, args=(services,), daemon=True).start()
    # uvicorn ends gracefully at SIGTERM and then raises it anew: an end by it would leave the embedded database behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # uvicorn's own access log would write addresses and links that stand in queries: the gate logs paths only.
    config = uvicorn.Config(application, access_log=False, log_level="warning", server_header=False)
    server = _Server(config, services)
    with suppress(KeyboardInterrupt):  # Ctrl-C: by then it has stopped already
        server.run(sockets=[listener])
    if not server.started:
        sys.exit(1)  # uvicorn has said why


class _Server(uvicorn.Server):
    """uvicorn waits for open answers when it stops; streams of events would stay open until their readers leave."""

    def __init__(self, config: uvicorn.Config, services: Services) -> None:
        super().__init__(config)
        self._services = services

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End the streams, then stop."""
        self._services.watching.close()
        super().handle_exit(sig, frame)


def listen(host: str, port: int) -> socket.socket:
    """Listen before anything is started or printed: whoever asks early waits until the service answers.

    Parameters
    ----------
    host, port
        The address; port 0 is any that is free.

    Raises
    ------
    PortTakenError
        Another program, or another ``onegrid serve``, listens there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
        # asyncio does it for sockets of its own only. Without it an answer waits up to 40 ms to be acknowledged.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise PortTakenError(
            f"无法监听 {host}:{port}：{'端口已被占用' if error.errno == errno.EADDRINUSE else '地址不可用'}。",
            f"cannot listen on {host}:{port}: {error.strerror}",
            remedy="请关闭占用它的程序（也可能是另一个 onegrid serve），或用 --port 换一个端口。",
        ) from error
    return listener


def _warm(services: Services) -> None:
    """Ask one question of each territory, so that the first person who asks does not wait for indexes to be made."""
    try:
        with transaction(services.engine) as session:
            lookups.warm(session)
    except GeoError as error:
        structlog.get_logger(__name__).warning("lookups not warmed", reason=error.en)


def set_up_logging() -> None:
    """Log one line of JSON per event to standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Locals would carry cookies and persons into the log.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
