"""Files that are loaded."""

from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile

from api.deps import AppServices, SignedIn, Transaction
from api.schemas import JobStarted, Text
from api.store import uploads
from api.store.territories import find_territory
from geo.files import named_columns
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
        Text | None, Form(description="网格所属层级，如 community", examples=["grid"], max_length=40)
    ] = None,
    table: Annotated[
        Text | None, Form(description="GeoPackage 里的图层名，或 .zip 里的文件名", max_length=200)
    ] = None,
    sheet: Annotated[Text | None, Form(description="Excel 工作表名", max_length=200)] = None,
    encoding: Annotated[
        Text | None, Form(description="文字编码 (默认自动识别 UTF-8 / GBK)", max_length=40)
    ] = None,
    column: Annotated[
        list[Text] | None,
        Form(
            description="哪一列是什么，可有多个: 编码=房屋编号；每一行都相同的值写两个等号: 类别==户",
            max_length=100,
        ),
    ] = None,
    skip_bad_rows: Annotated[bool, Form(description="跳过有问题的行，其余照常加载")] = False,
) -> JobStarted:
    """上传并加载一个文件：整个文件成功或完全不变；有问题的行会逐行列出。需要规划员角色。

    各项与命令 onegrid load 的同名选项同义。
    """
    caller.require("planner", find_territory(session, territory).code)
    columns = named_columns([each for each in column or () if each], kind)
    path = uploads.keep(services.settings.home, file.filename or "file", file.file)
    order = uploads.Order(
        path, kind, territory, crs or None, layer or None, level or None, table or None, sheet or None,
        encoding or None, columns, skip_bad_rows,
    )  # fmt: skip
    number = services.jobs.submit("load", order.arguments, caller.actor, uploads.loading(order, caller.actor))
    return JobStarted(job=number)
