"""What a briefing page is made of, gathered from a real database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from api.store import assignments, checks, circles, places, versions
from api.store.briefings import gather_briefing
from api.store.errors import NotFoundError
from maps.briefing import write_briefing
from maps.inline import requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from geo.records import Place


@pytest.fixture
def board(session: Session, make_board: Callable[..., Place]) -> Place:
    place = make_board()
    places.load_place(session, place)
    return place


def test_figures_agree_with_what_was_loaded(session: Session, board: Place) -> None:
    assignments.assign(session, "board-v1")
    checks.check(session, "board-v1")
    circles.compute_circles(session, "board-v1")
    versions.publish(session, "board-v1", "测试")
    data = gather_briefing(session, "board-v1", map_approval="审图号 测试(2026)001号")
    grids = board.zones[board.zones["level"] == "grid"].set_index("code")
    assert (data.version, data.territory, data.synthetic, data.level) == ("board-v1", "棋盘镇", True, "grid")
    assert sorted(data.zones["code"]) == sorted(grids.index)
    assert data.wider == (("community", "社区/村"),)
    for zone in data.zones.itertuples():
        assert zone.parent == zone.community == grids.loc[zone.code, "parent"]
        assert data.names["community", zone.parent].startswith("社区")
    # Two ways to one number: the sum over zones, and the reconciliation.
    row = data.reconciliation.query("level == 'grid' and kind == 'household'").iloc[0]
    assert data.zones["household"].sum() == row["assigned"]
    assert (
        row["assigned"] + row["outside"] + row["gap"] + row["no_location"] + row["bad_location"]
        == row["total"]
    )
    assert list(data.circles["minutes"]) == [5, 10, 15]
    assert data.stations["reached_15"].between(1, row["total"]).all()
    assert list(data.coverage["households_total"].unique()) == [row["total"]]
    assert len(data.streets) == len(board.streets)
    assert data.checked_at is not None
    # 2 o'clock in Beijing, still the day before in Greenwich; a published version does not change but in this test.
    session.execute(text("SET LOCAL session_replication_role = replica"))
    session.execute(text("UPDATE version SET valid_from = '2026-03-31T18:00:00Z' WHERE code = 'board-v1'"))
    session.expire_all()
    data = gather_briefing(session, "board-v1", map_approval="审图号 测试(2026)001号")
    assert data.valid_from == "2026-04-01"
    page = write_briefing(data)
    assert list(requests(page)) == []
    assert "审图号 测试(2026)001号" in page


def test_no_person_is_named(session: Session, board: Place) -> None:
    assert any("王某" in str(staff) for staff in board.zones["staff"])
    assignments.assign(session, "board-v1")
    page = write_briefing(gather_briefing(session, "board-v1", map_approval="内部工作用图"))
    for private in ("王某", "13800000000", "户17", "测试路17号"):
        assert private not in page


@pytest.mark.usefixtures("board")
def test_version_that_nothing_was_computed_for(session: Session) -> None:
    data = gather_briefing(session, "board-v1", "community", map_approval="内部工作用图")
    assert data.zones["household"].isna().all()
    assert data.wider == ()
    page = write_briefing(data)
    for words in ("尚未归格", "尚未计算服务圈", "本版本尚未检查", "未知"):
        assert words in page


@pytest.mark.usefixtures("board")
def test_unknown_version_and_level_are_refused(session: Session) -> None:
    with pytest.raises(NotFoundError):
        gather_briefing(session, "board-v9", map_approval="")
    with pytest.raises(NotFoundError, match="microgrid"):
        gather_briefing(session, "board-v1", "microgrid", map_approval="")
