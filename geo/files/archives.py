"""Files in a .zip, as Shapefiles are passed on: unpacked into a temporary folder while they are read."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from geo.errors import FileFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_BYTES = 4 << 30
"""Of what is unpacked: a small archive may hold more than a disk does."""

REMARKS = (".txt", ".json")
"""What stands beside data more often than it is data."""

_UTF8_NAMES = 0x800


@contextmanager
def unpacked(path: Path, suffixes: Sequence[str], wanted: str | None = None) -> Iterator[Path]:
    """Yield the one file of an archive that has one of these suffixes, its companions of the same name beside it.

    Parameters
    ----------
    path
        The .zip. Names in it may be UTF-8 or GBK.
    suffixes
        Of files that can be read.
    wanted
        Name (without suffix) of the file, where there are several.

    Raises
    ------
    FileFormatError
        It is no archive, is encrypted, or holds no such file or several.
    """
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
            members = {
                name: info
                for info in archive.infolist()
                if not info.is_dir() and "__MACOSX" not in (name := _name(info)).parts
            }
            chosen = _chosen(path, [name for name in members if name.suffix.lower() in suffixes], wanted)
            beside = {name: members[name] for name in members if _stem(name) == _stem(chosen)}
            if sum(info.file_size for info in beside.values()) > MOST_BYTES:
                raise FileFormatError(
                    f"“{path.name}”解压后超过 {MOST_BYTES >> 30} GB。",
                    f"{path.name} is too large unpacked",
                    remedy="请解压后直接读取其中的文件。",
                )
            for name, info in beside.items():
                with archive.open(info) as source, (Path(folder) / name.name).open("wb") as target:
                    shutil.copyfileobj(source, target)
            yield Path(folder) / chosen.name
    # What zipfile raises: damaged, encrypted, packed by a method that it does not know.
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise FileFormatError(
            f"无法解压“{path.name}”：{error}。",
            f"cannot unpack {path.name}: {error}",
            remedy="请确认它是没有加密的 .zip，或解压后再读取。",
        ) from error


def _name(info: zipfile.ZipInfo) -> PurePosixPath:
    name = info.filename
    if not info.flag_bits & _UTF8_NAMES:  # zipfile took it for code page 437; Chinese Windows writes GBK
        raw = name.encode("cp437")
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            name = raw.decode("gb18030", errors="replace")
    return PurePosixPath(name.replace("\\", "/"))


def _stem(name: PurePosixPath) -> str:
    return str(name.with_suffix("")).lower()  # GRID.SHP and grid.dbf belong together


def _chosen(path: Path, names: list[PurePosixPath], wanted: str | None) -> PurePosixPath:
    names = [name for name in names if name.suffix.lower() not in REMARKS] or names
    listed = "、".join(name.name for name in names)
    if wanted is not None and len(names) > 1:
        names = [name for name in names if wanted in (name.name, name.stem)]
    if len(names) == 1:
        return names[0]
    if not listed:
        raise FileFormatError(
            f"“{path.name}”里没有可读的数据文件。",
            f"{path.name} holds no file that can be read",
            remedy="请确认压缩包里有 .shp（连同 .shx、.dbf、.prj）、.gpkg、.geojson、.xlsx 或 .csv。",
        )
    raise FileFormatError(
        f"“{path.name}”里有几个数据文件：{listed}，不知道要读哪一个。",
        f"{path.name} holds several files",
        remedy="请用 --table 指明其中一个的名称，或解压后再读取。",
    )
