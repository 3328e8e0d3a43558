"""Files that are loaded."""

from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile

from api.deps import AppServices, SignedIn, Transaction
from api.schemas import JobStarted
from api.store import uploads
from api.store.territories import find_territory
from geo.records import Kind

router = APIRouter(prefix="/api", tags=["任务 Jobs"])

CODE = r"^[0-9A-Za-z_.\-]*$"


@router.post(
    "/load",
    status_code=202,
    summary="加载文件 Load a file",
    responses={404: {"description": "没有这个辖区"}, 413: {"description": "文件过大"}},
)
def load(  # noqa: PLR0913, PLR0917  the fields of the form
    session: Transaction,
    caller: SignedIn,
    services: AppServices,
    file: Annotated[UploadFile, File(description="GeoJSON、GPKG、Shapefile (zip)、GeoParquet、CSV、Excel")],
    kind: Annotated[
        Kind, Form(description="zones 网格、subjects 管理对象、stations 服务站、addresses 地址、streets 道路")
    ],
    territory: Annotated[str, Form(description="辖区编码", examples=["zhuanqiao"], max_length=40)],
    crs: Annotated[
        str | None,
        Form(
            description="坐标系：EPSG:n、GCJ-02 或 BD-09；文件里已写明的可不填",
            examples=["EPSG:4490"],
            max_length=20,
        ),
    ] = None,
    layer: Annotated[
        str | None, Form(description="网格所属图层，如 party", examples=["grid"], max_length=40, pattern=CODE)
    ] = None,
    level: Annotated[
        str | None,
        Form(description="网格所属层级，如 community", examples=["grid"], max_length=40, pattern=CODE),
    ] = None,
    skip_bad_rows: Annotated[bool, Form(description="跳过有问题的行，其余照常加载")] = False,
) -> JobStarted:
    """上传并加载一个文件：整个文件成功或完全不变；有问题的行会逐行列出。需要规划员角色。"""
    caller.require("planner", find_territory(session, territory).code)
    path = uploads.keep(services.settings.home, file.filename or "file", file.file)
    order = uploads.Order(path, kind, territory, crs, layer or None, level or None, skip_bad_rows)
    number = services.jobs.submit("load", order.arguments, caller.actor, uploads.loading(order, caller.actor))
    return JobStarted(job=number)
