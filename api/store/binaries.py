"""The programs of PostgreSQL on this machine: which are installed with PostGIS, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from api.store.errors import BinariesMissingError

INSTALL = "请安装: sudo apt-get install postgresql postgresql-postgis"


@dataclass(frozen=True)
class Binaries:
    """One installed PostgreSQL with PostGIS.

    Parameters
    ----------
    major
        Major version, such as 15.
    folder
        Folder of ``initdb``, ``pg_ctl``, ``pg_dump``…
    """

    major: int
    folder: Path

    def path(self, name: str) -> str:
        """Return the path of one program."""
        return str(self.folder / name)


def find_binaries(
    major: int | None = None,
    *,
    root: Path = Path("/usr/lib/postgresql"),
    share: Path = Path("/usr/share/postgresql"),
) -> Binaries:
    """Find the installed PostgreSQL to run: the newest with PostGIS, or the one of a given major version.

    Debian's versioned folders are used rather than ``PATH``, where wrappers and clients of other versions live.

    Raises
    ------
    BinariesMissingError
        Nothing fits; the message says what to install.
    """
    found: dict[int, Path] = {}
    without_postgis: list[int] = []
    for initdb in root.glob("*/bin/initdb"):
        name = initdb.parent.parent.name
        if not name.isdigit():
            continue
        if (share / name / "extension" / "postgis.control").exists():
            found[int(name)] = initdb.parent
        else:
            without_postgis.append(int(name))
    if major is not None and major not in found:
        others = "、".join(str(each) for each in sorted(found)) or "无"
        raise BinariesMissingError(
            f"数据目录由 PostgreSQL {major} 建立，但本机没有带 PostGIS 的 PostgreSQL {major} (现有: {others})。",
            f"the data folder was made by PostgreSQL {major}, which is not installed with PostGIS",
            remedy=f"请安装: sudo apt-get install postgresql-{major} postgresql-{major}-postgis-3；"
            "或在旧机器上 onegrid db backup，再在新数据目录 onegrid db restore。",
        )
    if not found:
        if without_postgis:
            newest = max(without_postgis)
            raise BinariesMissingError(
                f"本机有 PostgreSQL {newest}，但缺少 PostGIS。",
                f"PostgreSQL {newest} is installed without PostGIS",
                remedy=f"请安装: sudo apt-get install postgresql-{newest}-postgis-3",
            )
        raise BinariesMissingError(
            f"本机没有安装 PostgreSQL (在 {root} 下没有找到)。", "PostgreSQL is not installed", remedy=INSTALL
        )
    chosen = major if major is not None else max(found)
    return Binaries(chosen, found[chosen])
