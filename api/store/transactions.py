"""One transaction of the service."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Open a session that is committed at the end and rolled back by an exception.

    What is done inside may commit earlier on its own: a refused sign-in is counted even though it is refused.
    """
    with Session(engine, expire_on_commit=False) as session:
        yield session
        session.commit()
