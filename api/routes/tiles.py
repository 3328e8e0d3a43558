"""Vector tiles of the map."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Response

from api.deps import AppServices, PathVersion, SignedIn, Transaction
from api.store import accounts, tiles, versions

router = APIRouter(prefix="/api/tiles", tags=["地图 Map"])

MVT = "application/vnd.mapbox-vector-tile"


@router.get(
    "/{version}/{layer}/{z}/{x}/{y}.mvt",
    summary="矢量瓦片 Vector tile",
    response_class=Response,
    responses={
        200: {"content": {MVT: {"schema": {"type": "string", "format": "binary"}}}},
        204: {"description": "此处没有内容"},
        304: {"description": "没有变化"},
        404: {"description": "没有这个版本、图层或瓦片"},
    },
)
def get_tile(  # noqa: PLR0913, PLR0917  a tile's address has five parts
    version: PathVersion,
    layer: Annotated[str, Path(description="图层", examples=["grid"])],
    z: Annotated[int, Path(ge=0, le=tiles.MAX_ZOOM, examples=[14])],
    x: Annotated[int, Path(ge=0, lt=2**tiles.MAX_ZOOM, examples=[13717])],
    y: Annotated[int, Path(ge=0, lt=2**tiles.MAX_ZOOM, examples=[6703])],
    session: Transaction,
    caller: SignedIn,
    services: AppServices,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """返回一个瓦片（EPSG:3857）：图层编码之一，或 streets、footprints、stations、faults。"""
    found = versions.get_version(session, version)
    scope = accounts.personal_scope(session, caller, found.id)
    etag = f'"{tiles.tile_stamp(session, found, layer, scope)}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}
    if etag in (if_none_match or ""):
        return Response(status_code=304, headers=headers)
    content = services.tiles.get(
        (etag, z, x, y), lambda: tiles.tile(session, found, layer, z, x, y, scope=scope)
    )
    return Response(content, 200 if content else 204, headers, MVT if content else None)
