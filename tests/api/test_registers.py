"""台账 and 四至 of the town, of a version and of a plan: in the columns of offices, nothing told that is not known."""

from __future__ import annotations

from io import BytesIO

import openpyxl
import pytest

from maps.register import COLUMNS

WEST, NORTH_WEST = "310112103001111", "310112103001112"


def read(answer) -> tuple[dict[str, str], dict[str, dict[str, object]]]:
    """Return the lines above the table, and the rows by code."""
    assert answer.status_code == 200, answer.text
    sheet = openpyxl.load_workbook(BytesIO(answer.content)).active
    lines = [list(line) for line in sheet.iter_rows(values_only=True)]
    at = next(number for number, line in enumerate(lines) if line[0] == "序号")
    assert tuple(lines[at]) == COLUMNS
    rows = [dict(zip(COLUMNS, line, strict=True)) for line in lines[at + 1 :]]
    return {line[0]: line[1] for line in lines[:at]}, {row["网格编码"]: row for row in rows}


@pytest.fixture
def plan(web):
    planner = web.browser("planner")
    number = planner.post("/api/plans", json={"territory": "town", "name": "=调整"}).json()["id"]
    edit = {"operation": "describe", "level": "grid", "code": WEST, "name": "一号网格"}
    body = {"revision": 0, "edit": edit}
    assert planner.post(f"/api/plans/{number}/edits", json=body).status_code == 200
    return number


def test_a_version_s_register_tells_what_is_known_and_masks_telephones(web) -> None:
    head, rows = read(web.browser("chief").get("/api/versions/town-v1/register.xlsx"))
    assert (head["版本"], head["生效日期"], head["辖区"]) == ("town-v1", "2026-01-01", "小镇")
    row = rows[WEST]
    assert [number["序号"] for number in rows.values()] == [1, 2, 3, 4]
    assert (row["街镇"], row["社区"], row["类型"]) == ("颛桥镇", "西社区", "综合网格")
    assert (row["楼栋数"], row["户数"], row["常住人口"], row["商户数"], row["单位数"]) == (1, 2, 5, 0, 0)
    assert row["四至(东/南/西/北)"] == "东至和平路，南至和平路，西至和平路，北至和平路"
    assert row["网格长"] == "长111"
    assert row["联系电话(脱敏)"] == "长111:138****0111"
    assert row["服务站"] == "镇中心"
    assert (row["启用日期"], row["变更日期"]) == ("2026-01-01", "2026-01-01")
    assert {row[name] for name in ("区县", "片区", "流动人口", "重点场所", "党支部")} == {"未知"}
    assert rows["310112103002122"]["常住人口"] == "未知", "nobody's number is known there: not zero"
    event = web.events("version.export")[0]
    assert (event.account, event.detail["what"], event.detail["rows"]) == ("chief", "register", 4)


def test_a_plan_s_register_says_its_revision_and_what_is_not_in_force_yet(web, plan) -> None:
    head, rows = read(web.browser("viewer").get(f"/api/plans/{plan}/register.xlsx"))
    assert head["方案"] == f"{plan} =调整"
    assert (head["修订"], head["基于版本"]) == ("第 1 版（未发布）", "town-v1")
    assert (rows[WEST]["名称"], rows[WEST]["变更日期"], rows[WEST]["启用日期"]) == (
        "一号网格",
        "待发布",
        "2026-01-01",
    )
    assert rows[NORTH_WEST]["变更日期"] == "2026-01-01"
    assert (rows[WEST]["户数"], rows[WEST]["常住人口"]) == (2, 5)
    communities = read(web.browser("viewer").get(f"/api/plans/{plan}/register.xlsx?level=community"))[1]
    assert communities["310112103001"]["街镇"] == "颛桥镇"


def test_the_card_of_a_zone_has_its_bounds(web, plan) -> None:
    viewer = web.browser("viewer")
    zone = viewer.get(f"/api/versions/town-v1/zones/grid/{WEST}").json()
    assert zone["bounds"]["east"] == ["和平路"]
    assert viewer.get(f"/api/plans/{plan}/zones/grid/{WEST}/bounds").json() == zone["bounds"]
    community = viewer.get("/api/versions/town-v1/zones/party/P1").json()
    assert community["bounds"]["text"].startswith("东至")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/versions/town-v9/register.xlsx", 404),
        ("/api/versions/town-v1/register.xlsx?level=nothing", 404),
        ("/api/plans/999/register.xlsx", 404),
        ("/api/plans/999/zones/grid/1/bounds", 404),
    ],
)
def test_what_is_not_there(web, path, status) -> None:
    assert web.browser("viewer").get(path).status_code == status
    assert web.visitor().get(path).status_code == 401


def test_a_plan_that_is_not_shared_has_no_register_for_others(web, plan) -> None:
    planner = web.browser("planner")
    assert planner.patch(f"/api/plans/{plan}", json={"access": "members", "members": []}).status_code == 200
    viewer = web.browser("viewer")
    assert viewer.get(f"/api/plans/{plan}/register.xlsx").status_code == 403
    assert viewer.get(f"/api/plans/{plan}/zones/grid/{WEST}/bounds").status_code == 403
    assert planner.get(f"/api/plans/{plan}/zones/grid/gone/bounds").status_code == 404
