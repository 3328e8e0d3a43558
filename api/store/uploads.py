"""Uploaded files: kept until the job that loads them has ended, then removed."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import asdict, dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final

from api.store import places
from geo.files import read_chunks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy.orm import Session

    from api.store.actions import Work
    from api.store.audit import Actor
    from api.store.progress import Progress
    from geo.records import Kind

REJECTED_SHOWN: Final = 200
"""Rows left out that a job's result lists; the rest is counted."""


@dataclass(frozen=True)
class Order:
    """A file to load, and how.

    Parameters
    ----------
    path
        The kept file.
    kind, territory, layer, level, skip_bad_rows
        As for ``onegrid load``.
    declared, table, sheet, encoding, columns
        As ``declared, layer, sheet, encoding, columns`` of `geo.files.read_chunks`.
    """

    path: Path
    kind: Kind
    territory: str
    declared: str | None = None
    layer: str | None = None
    level: str | None = None
    table: str | None = None
    sheet: str | None = None
    encoding: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    skip_bad_rows: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """Return what was asked, for the job's record."""
        return {**asdict(self), "path": self.path.name}


def keep(home: Path, name: str, content: IO[bytes]) -> Path:
    """Copy an uploaded file into a folder of its own and return where; its own name survives for messages."""
    folder = home / "uploads" / secrets.token_hex(8)
    folder.mkdir(parents=True, mode=0o700)
    path = folder / _plain_name(name)
    with path.open("wb") as kept:
        shutil.copyfileobj(content, kept, 1 << 20)
    return path


def sweep(home: Path) -> None:
    """Remove files whose jobs a stopped service left behind."""
    shutil.rmtree(home / "uploads", ignore_errors=True)


def loading(order: Order, actor: Actor) -> Work:
    """Load a kept file in one transaction, and remove it whatever happens."""

    def work(session: Session, progress: Progress) -> dict[str, Any]:
        try:
            return _load(session, order, actor, progress)
        finally:
            shutil.rmtree(order.path.parent, ignore_errors=True)

    return work


def _load(session: Session, order: Order, actor: Actor, progress: Progress) -> dict[str, Any]:
    _levels, boundary = places.levels_and_boundary(session, order.territory)
    chunks = read_chunks(
        order.path,
        order.kind,
        declared=order.declared,
        columns=order.columns,
        layer=order.table,
        level=order.level,
        sheet=order.sheet,
        encoding=order.encoding,
        territory=boundary,
        skip_bad_rows=order.skip_bad_rows,
    )
    report = places.load_records(
        session,
        order.territory,
        order.kind,
        chunks,
        layer=order.layer,
        level=order.level,
        progress=progress,
        actor=actor,
    )
    places.refuse_nothing(report, order.kind, order.path.name)
    rejected = report.rejected.head(REJECTED_SHOWN).astype(object)
    return {
        "territory": report.territory,
        "version": report.version,
        "counts": report.counts,
        "warnings": list(report.warnings),
        "rejected": rejected.where(rejected.notna(), None).to_dict("records"),
        "rejected_total": len(report.rejected),
    }


def _plain_name(name: str) -> str:
    """Return a file's name without folders and without what file systems refuse."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(c for c in last if c.isprintable() and c not in '<>:"|?*\0').lstrip(".")
    return plain[-100:] or "file"
