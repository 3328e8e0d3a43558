"""Drafts, publishing, history by date: one version holds at a time, and what is published stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import shapely
from sqlalchemy import text

from api.store import assignments, checks, exceptions, places, versions, zonesets
from api.store.errors import NotFoundError, NotPublishableError, PublishedError
from api.store.models import AuditEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from geo.records import Place


def ready(session: Session, version: str) -> None:
    assignments.assign(session, version)
    checks.check(session, version)


@pytest.fixture
def board(session: Session, make_board: Callable[..., Place]) -> Place:
    place = make_board()
    places.load_place(session, place)
    session.commit()
    return place


def test_a_draft_becomes_the_version_that_holds(session: Session, board: Place) -> None:
    with pytest.raises(NotFoundError, match="已发布"):
        versions.as_of(session, board.code)
    ready(session, "board-v1")
    info = versions.publish(session, "board-v1", "首次发布")
    session.commit()
    assert not info.is_draft
    assert info.valid_to is None
    assert versions.as_of(session, "board") == versions.get_version(session, "board-v1")
    event = session.query(AuditEvent).filter_by(action="version.publish").one()
    assert (event.object, event.detail) == ("board-v1", {"reason": "首次发布"})


@pytest.mark.parametrize("missing", ["reason", "assign", "check"])
def test_what_is_not_ready_is_not_published(session: Session, board: Place, missing: str) -> None:
    if missing != "assign":
        assignments.assign(session, "board-v1")
    if missing != "check":
        checks.check(session, "board-v1")
    with pytest.raises(
        NotPublishableError, match={"reason": "原因", "assign": "分配", "check": "检查"}[missing]
    ):
        versions.publish(session, "board-v1", " " if missing == "reason" else "发布")
    assert versions.get_version(session, board.code).is_draft


def test_subjects_added_after_the_assignment_stand_against_it(session: Session, board: Place) -> None:
    ready(session, "board-v1")
    session.execute(
        text(
            """INSERT INTO subject (territory_id, code, kind) SELECT id, 'late', 'household' FROM territory"""
        )
    )
    with pytest.raises(NotPublishableError, match="增减"):
        versions.publish(session, board.code + "-v1", "发布")


def test_an_unexcused_fault_stands_against_it_and_an_exception_excuses(
    session: Session, board: Place
) -> None:
    lost = board.zones[board.zones["code"] == "G0101"].geometry.iloc[0]
    session.execute(text("DELETE FROM zone WHERE code = 'G0101'"))
    ready(session, "board-v1")
    session.commit()
    with pytest.raises(NotPublishableError, match="网格"):
        versions.publish(session, "board-v1", "发布")
    exceptions.register_exception(session, board.code, "人工湖", "水面，无住户", lost)
    # What was checked before the exception does not count.
    assert versions.get_version(session, "board-v1").checked_at is None
    report = checks.check(session, "board-v1")
    assert report.total == 0
    versions.publish(session, "board-v1", "发布")


def test_the_next_version_ends_the_one_before_at_the_same_instant(session: Session, board: Place) -> None:
    ready(session, "board-v1")
    first = versions.publish(session, "board-v1", "首次发布")
    draft = versions.add_version(session, board.code, copy_of=first)
    session.commit()
    assert draft.code == "board-v2"
    ready(session, draft.code)
    second = versions.publish(session, draft.code, "调整")
    session.commit()
    first = versions.get_version(session, "board-v1")
    assert first.valid_to == second.valid_from
    assert second.valid_from is not None
    assert first.valid_from is not None
    assert versions.as_of(session, board.code, second.valid_from).code == "board-v2"
    assert (
        versions.as_of(session, board.code, second.valid_from - timedelta(microseconds=1)).code == "board-v1"
    )
    with pytest.raises(NotFoundError):
        versions.as_of(session, board.code, first.valid_from - timedelta(microseconds=1))
    assert [each.code for each in versions.list_versions(session, board.code)] == ["board-v2", "board-v1"]


def test_a_history_can_be_loaded_after_the_fact(session: Session, board: Place) -> None:
    ready(session, "board-v1")
    since = datetime(2024, 1, 1, tzinfo=UTC)
    first = versions.publish(session, "board-v1", "首次发布", moment=since)
    draft = versions.add_version(session, board.code, copy_of=first)
    ready(session, draft.code)
    with pytest.raises(NotPublishableError, match="早于"):
        versions.publish(session, draft.code, "调整", moment=since)
    versions.publish(session, draft.code, "调整", moment=datetime(2025, 1, 1, tzinfo=UTC))
    assert versions.as_of(session, board.code, datetime(2024, 6, 1, tzinfo=UTC)).code == "board-v1"


def test_published_is_published(session: Session, board: Place) -> None:
    ready(session, "board-v1")
    info = versions.publish(session, "board-v1", "首次发布")
    with pytest.raises(PublishedError):
        versions.publish(session, board.code, "再次")
    with pytest.raises(PublishedError):
        versions.require_draft(info)


def test_a_copy_has_the_same_zones_under_the_same_parents(session: Session, board: Place) -> None:
    original = versions.get_version(session, board.code)
    copy = versions.add_version(session, board.code, copy_of=original)
    before, after = zonesets.read_zones(session, original), zonesets.read_zones(session, copy)
    same = [
        "code",
        "name",
        "layer",
        "level",
        "kind",
        "parent",
        "staff",
        "attributes",
        "area_m2",
        "perimeter_m",
    ]
    assert after[same].equals(before[same])
    assert (shapely.equals_exact(after.geometry.to_numpy(), before.geometry.to_numpy(), 0.0)).all()
    assert not set(after["parent_id"].dropna()) & set(before["parent_id"].dropna())


def test_unknown_codes_name_the_known(session: Session, board: Place) -> None:
    assert versions.get_version(session, board.code).code == "board-v1"
    with pytest.raises(NotFoundError) as caught:
        versions.get_version(session, "nowhere-v9")
    assert "board-v1" in caught.value.remedy
    with pytest.raises(NotFoundError, match="nowhere"):
        versions.list_versions(session, "nowhere")
