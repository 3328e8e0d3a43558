"""Which encoding a text file is in, and which of its lines are in another one.

Chinese offices' files are UTF-8 (with or without a byte-order mark), GBK, or both after someone pasted one into
the other. GB18030 contains GBK and GB2312. Many UTF-8 bytes are also valid GBK that reads as nonsense, so
"decodes without error" does not decide; the form of the bytes does.
"""

from __future__ import annotations

import codecs
import re
import tempfile
from collections import Counter
from typing import IO, TYPE_CHECKING, Literal

from geo.errors import EncodingError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LineKind = Literal["ascii", "utf-8", "gb18030", "either", "neither"]

DAMAGED = "\ufffd"
"""Stands in the text for bytes that do not fit the file's encoding."""

_GB2312 = re.compile(rb"(?:[\x00-\x7f]|[\xa1-\xf7][\xa1-\xfe])*")
_BLOCK_BYTES = 1 << 20
_FIRST_LEAD_OF_THREE = 0xE0
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def line_kind(line: bytes) -> LineKind:
    """Classify a line, or a cell, of bytes.

    Returns
    -------
    str
        ``ascii``; ``utf-8`` when valid and holding a three-byte character, which Chinese text in GBK practically
        never imitates; ``either`` when valid with two-byte characters only, which GBK does imitate; ``gb18030``
        when valid as that only; ``neither``.
    """
    if line.isascii():
        return "ascii"
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8" if max(line) >= _FIRST_LEAD_OF_THREE else "either"
    try:
        line.decode("gb18030")
    except UnicodeDecodeError:
        return "neither"
    return "gb18030"


def is_chinese(cells: Iterable[bytes]) -> bool:
    """Whether cells are Chinese in UTF-8 or GB 2312: each that is not ASCII, and one at least.

    Letters with accents stand alone in western words; the bytes of Chinese characters come in pairs or threes.
    """
    foreign = [cell for cell in cells if not cell.isascii()]
    return bool(foreign) and all(line_kind(cell) == "utf-8" or _GB2312.fullmatch(cell) for cell in foreign)


def majority(kinds: Counter[LineKind]) -> str:
    """Return the encoding that most lines are in: ``utf-8`` or ``gb18030``."""
    return "gb18030" if kinds["gb18030"] > kinds["utf-8"] else "utf-8"


def decode(cell: bytes, encoding: str) -> str:
    """Decode bytes that should be in ``encoding``; bytes that are in another come out marked as damaged."""
    kind = line_kind(cell)
    if kind in ("ascii", "either") or kind == encoding:
        try:
            return cell.decode(encoding)
        except UnicodeDecodeError:
            pass
    return cell.decode("ascii", errors="replace")


def decode_all(cells: Iterable[bytes]) -> tuple[list[str], str]:
    """Decode cells of one table in the encoding of most of them.

    Returns
    -------
    tuple
        The texts, with U+FFFD for bytes in another encoding, and the encoding.
    """
    listed = list(cells)
    encoding = majority(Counter(line_kind(cell) for cell in set(listed)))
    return [decode(cell, encoding) for cell in listed], encoding


def check_encoding(name: str) -> None:
    """Refuse what is no encoding of text.

    Raises
    ------
    EncodingError
        When Python does not know it.
    """
    try:
        "".encode(name)
    except LookupError as error:
        raise EncodingError(
            f"不认识的编码“{name}”。",
            f"unknown encoding {name!r}",
            remedy="常用的有 utf-8、gbk、gb18030。",
        ) from error


def open_as_utf8(path: Path, encoding: str | None = None) -> tuple[IO[bytes], str]:
    """Open a text file as UTF-8 bytes without a byte-order mark.

    Parameters
    ----------
    path
        The file.
    encoding
        Its encoding when known; None finds out.

    Returns
    -------
    tuple
        A binary file (the original, or a transcoded temporary one) and the encoding found. Lines with bytes of
        another encoding have U+FFFD in their place. Marks where one file was put after another are left out.

    Raises
    ------
    EncodingError
        When ``encoding`` is unknown to Python.
    """
    if encoding is not None:
        check_encoding(encoding)
        return _transcode_whole(path, encoding, errors="replace"), encoding
    with path.open("rb") as file:
        head = file.read(4)
    joined = _is_joined(path)
    for mark, name in _MARKS:
        if head.startswith(mark) and not joined:
            return _transcode_whole(path, name, errors="replace"), name
    if not joined and _is_utf8(path):
        return path.open("rb"), "utf-8"
    with path.open("rb") as file:
        kinds = Counter(line_kind(line.removeprefix(codecs.BOM_UTF8)) for line in file)
    found = majority(kinds)
    if found == "gb18030" and not joined and not kinds["utf-8"] and not kinds["neither"]:
        return _transcode_whole(path, found, errors="replace"), found
    target = tempfile.TemporaryFile()  # noqa: SIM115  the reader of the table closes it
    with path.open("rb") as file:
        for line in file:
            target.write(decode(line.removeprefix(codecs.BOM_UTF8), found).encode("utf-8"))
    target.seek(0)
    return target, found


def _is_joined(path: Path) -> bool:
    """Whether a line after the first begins with the mark of UTF-8: a file was put after another."""
    sought = b"\n" + codecs.BOM_UTF8
    last = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            if sought in last + block:
                return True
            last = block[-len(sought) :]
    return False


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _transcode_whole(path: Path, encoding: str, *, errors: str) -> IO[bytes]:
    if encoding == "utf-8-sig" and _is_utf8(path):
        file = path.open("rb")
        file.seek(len(codecs.BOM_UTF8))
        return file
    decoder = codecs.getincrementaldecoder(encoding)(errors=errors)
    target = tempfile.TemporaryFile()  # noqa: SIM115  the reader of the table closes it
    with path.open("rb") as source:
        while block := source.read(_BLOCK_BYTES):
            target.write(decoder.decode(block).encode("utf-8"))
    target.write(decoder.decode(b"", final=True).encode("utf-8"))
    target.seek(0)
    return target
