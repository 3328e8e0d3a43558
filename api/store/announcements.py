"""What the database announces about plans: each change of one, by whichever process, as soon as it is committed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg

from api.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Engine

CHANNEL: Final = "onegrid_plan"


@dataclass(frozen=True)
class Announcement:
    """One thing that happened to a plan.

    Parameters
    ----------
    plan
        Which plan; 0 once the listening has begun: what happened before was not heard.
    event
        ``revision``, ``comments``, ``approval``.
    data
        What the event says.
    """

    plan: int
    event: str
    data: dict[str, Any]


BEGUN: Final = Announcement(0, "begun", {})


async def announcements(engine: Engine) -> AsyncIterator[Announcement]:
    """Listen on a connection of its own, on the running event loop: no thread waits.

    Yields
    ------
    Announcement
        First `BEGUN`, then what is announced from then on.

    Raises
    ------
    StoreError
        The database cannot be reached, or has gone.
    """
    words, options = engine.dialect.create_connect_args(engine.url)
    options.pop("context", None)
    try:
        connection = await psycopg.AsyncConnection.connect(*words, **options, autocommit=True)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            yield BEGUN
            async for notice in connection.notifies():
                told = json.loads(notice.payload)
                yield Announcement(told["plan"], told["event"], told["data"])
    except psycopg.Error as error:
        raise StoreError(
            "与数据库的连接中断。", f"no connection to listen on: {error}", remedy="稍后会自动重连。"
        ) from error
