"""Excel workbooks as answers."""

from typing import Any

from fastapi import Response

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

WORKBOOK: dict[int | str, dict[str, Any]] = {
    200: {"content": {_XLSX: {"schema": {"type": "string", "format": "binary"}}}}
}
"""What the description of a route says of such an answer."""


def attached(written: bytes, name: str) -> Response:
    """Return a workbook as a file that a browser saves under ``name``; what is not ASCII in it becomes ``_``."""
    safe = name.encode("ascii", "replace").decode().replace('"', "").replace("?", "_")
    headers = {"Content-Disposition": f'attachment; filename="{safe}"'}
    return Response(written, media_type=_XLSX, headers=headers)
