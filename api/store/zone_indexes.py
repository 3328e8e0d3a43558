"""Zone indexes that outlive the process: the index of the same zones is built once, when they are loaded.

An index is a function of the shapes of its zones and of their order. It is kept as a file under a digest of both, which
the database computes from the rows at each reading. So nobody has to be told that zones changed, whoever changed them
and however: they have another digest. A file that is missing, cut short or of another edition of the program is made
anew, and the folder may be deleted at any time.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

import geo.assignment
from api.settings import get_settings
from api.store import bulk
from geo.assignment import ZoneIndex
from geo.errors import FileFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy.orm import Session

MOST_BYTES: Final = 1 << 30
"""Room for kept indexes; the oldest leave first. 2,285 zones of 100 vertices take 22 MiB."""


def zone_index(session: Session, version_id: int, level_id: int) -> tuple[NDArray[np.int64], ZoneIndex]:
    """Return the zones of a level of a version, in the order in which they were stored, and their index.

    Parameters
    ----------
    session
        Where to read.
    version_id, level_id
        Rows of the version and of one of its levels.

    Returns
    -------
    ids, index
        Rows of ``zone``, int64, and the index, whose positions count them.

    Raises
    ------
    ZonesError
        The level has no zones in that version.
    """
    return _read(
        session,
        "SELECT id, geom FROM zone WHERE version_id = %(version)s AND level_id = %(level)s",
        {"version": version_id, "level": level_id},
    )


def boundary_index(session: Session, territory_id: int) -> ZoneIndex:
    """Return the index of a territory's polygon, which tells a gap from the outside."""
    _, index = _read(
        session, "SELECT id, boundary AS geom FROM territory WHERE id = %(id)s", {"id": territory_id}
    )
    return index


def keep_indexes(session: Session, territory_id: int, version_id: int) -> None:
    """Build the indexes of a version and of its territory. A load does it at its end, so that no reader has to."""
    boundary_index(session, territory_id)
    levels = bulk.raw_connection(session).execute(
        "SELECT DISTINCT level_id FROM zone WHERE version_id = %s", [version_id]
    )
    for (level,) in levels.fetchall():
        zone_index(session, version_id, level)


def _read(session: Session, query: str, values: dict[str, object]) -> tuple[NDArray[np.int64], ZoneIndex]:
    """Return the ids and the index of the shapes of a query with columns ``id, geom``, by id."""
    found = bulk.raw_connection(session).execute(
        f"""SELECT coalesce(array_agg(id ORDER BY id), '{{}}'),
                   sha256(coalesce(string_agg(sha256(ST_AsBinary(geom)), '' ORDER BY id), ''))
            FROM ({query}) AS q""".encode(),  # noqa: S608  from above
        values,
    )
    ids, digest = found.fetchone() or ([], b"")
    with suppress(OSError, FileFormatError):  # not kept, or nothing to trust
        return np.array(ids, dtype=np.int64), ZoneIndex.load(_path(digest))
    shapes = bulk.read_shapes(
        session,
        f"""SELECT id, ST_AsBinary(geom) AS geometry, sha256(ST_AsBinary(geom)) AS digest
            FROM ({query}) AS q ORDER BY id""",  # noqa: S608  from above
        values,
    )
    index = ZoneIndex(shapes)
    # Kept under the digest of these very rows: others may have been written since the first statement.
    _keep(index, _path(sha256(b"".join(shapes["digest"])).digest()))
    return shapes["id"].to_numpy(dtype=np.int64), index


def _path(digest: bytes) -> Path:
    return get_settings().home / "indexes" / f"{sha256(_edition() + digest).hexdigest()}.npy"


@cache
def _edition() -> bytes:
    """Return the digest of the modules that build indexes: what other ones have built is not theirs."""
    modules = sorted(Path(geo.assignment.__file__).parent.glob("*.py"))
    return sha256(b"".join(sha256(module.read_bytes()).digest() for module in modules)).digest()


def _keep(index: ZoneIndex, path: Path) -> None:
    # A full or read-only disk costs the next reader the time of building, and this one nothing.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        index.save(path)
        kept = 0
        for file in sorted(path.parent.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True):
            kept += file.stat().st_size
            if kept > MOST_BYTES:
                file.unlink()
