"""Answers about the zones of a plan while it is drawn, written as JSON at once: geometry is not parsed again."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import shapely
from fastapi import Response
from pydantic import Field

from api.schemas import AnswerBody, Counts, Geometry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from api.store.drafts import Answer, ZoneList, ZoneState
    from geo.plans import Flow, Warned
    from geo.plans.draft import Key


class ZoneWarning(AnswerBody):
    """A rule that a zone breaks."""

    rule: str = Field(examples=["households"])
    severity: Annotated[
        Literal["warning", "note"], Field(description="note: the rule's numbers are not verified")
    ]
    message: str = Field(examples=["兴银第四网格 超 31 户"])
    message_en: str = Field(examples=["310112103008018 31 households too many"])
    codes: list[str] = Field([], description="estates or buildings that are cut")
    place: Annotated[dict[str, Any] | None, Field(description="GeoJSON; null: the zone as a whole")] = None


class DrawnZone(AnswerBody):
    """A zone of a plan."""

    level: str
    code: str
    name: str
    kind: str
    parent: str | None
    staff: list[dict[str, Any]]
    geometry: Geometry
    counts: Counts
    people: Annotated[int | None, Field(description="null: 未知")]
    area_m2: float
    perimeter_m: float
    compactness: float
    parts: int
    stations: int
    share_15min: Annotated[
        float | None,
        Field(
            description="share of households within 15 minutes' walk of a station; null: not known, or no households"
        ),
    ]
    warnings: list[ZoneWarning]


class ZoneKey(AnswerBody):
    """A zone that is gone."""

    level: str
    code: str


class MoveCount(AnswerBody):
    """How many subjects of a kind change zone; null is no zone."""

    level: str
    kind: str
    from_: Annotated[str | None, Field(alias="from")]
    to: str | None
    subjects: int


class PlanZones(AnswerBody):
    """Zones of a plan at a revision."""

    plan: int
    revision: int
    zones: list[DrawnZone]
    deleted: list[ZoneKey]
    pending: Annotated[
        list[str], Field(description="figures that are still being computed, such as share_15min")
    ]


class EditAnswer(PlanZones):
    """What an edit did, or would do."""

    warnings: list[str]
    moves: list[MoveCount]


def edit_answer(answer: Answer) -> Response:
    """Return the answer to an edit or a preview."""
    return _written(
        answer.zones,
        {
            "plan": answer.plan.id,
            "revision": answer.plan.revision,
            "deleted": _keys(answer.deleted),
            "warnings": answer.warnings,
            "moves": [_flow(flow) for flow in answer.flows],
            "pending": list(answer.pending),
        },
    )


def zones_answer(found: ZoneList) -> Response:
    """Return zones of a plan."""
    return Response(_zones(found), media_type="application/json")


def packed_zones(found: ZoneList) -> bytes:
    """Return zones of a plan as `packed_answer` sends them: a city's are ten megabytes, and pack to a quarter."""
    return gzip.compress(_zones(found), compresslevel=1, mtime=0)


def packed_answer(packed: bytes, accepted: str, known: str) -> Response:
    """Send what `packed_zones` returned.

    Parameters
    ----------
    packed
        The zones.
    accepted, known
        The request's ``Accept-Encoding`` and ``If-None-Match``.
    """
    etag = f'"{hashlib.sha256(packed).hexdigest()[:20]}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Vary": "Cookie, Authorization, Accept-Encoding",
    }
    if etag in known:
        return Response(status_code=304, headers=headers)
    if "gzip" in accepted:
        return Response(packed, headers=headers | {"Content-Encoding": "gzip"}, media_type="application/json")
    return Response(gzip.decompress(packed), headers=headers, media_type="application/json")


def _zones(found: ZoneList) -> bytes:
    rest = {
        "plan": found.plan.id,
        "revision": found.plan.revision,
        "deleted": _keys(found.deleted),
        "pending": list(found.pending),
    }
    return _text(found.zones, rest)


def _written(zones: Sequence[ZoneState], rest: dict[str, Any]) -> Response:
    return Response(_text(zones, rest), media_type="application/json")


def _text(zones: Sequence[ZoneState], rest: dict[str, Any]) -> bytes:
    # GEOS writes GeoJSON by itself; to read it in and write it out again would take longer than an edit.
    shapes = shapely.to_geojson([state.zone.geometry for state in zones])
    drawn = ",".join(
        f'{{"geometry":{shape},{_json(_fields(state))[1:]}'
        for state, shape in zip(zones, shapes, strict=True)
    )
    return f'{{"zones":[{drawn}],{_json(rest)[1:]}'.encode()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _fields(state: ZoneState) -> dict[str, Any]:
    zone, figures = state.zone, state.figures
    return {
        "level": zone.level,
        "code": zone.code,
        "name": zone.name,
        "kind": zone.kind,
        "parent": zone.parent,
        "staff": [{key: person.get(key) for key in ("role", "name")} for person in zone.staff],
        "counts": figures.counts,
        "people": figures.people,
        "area_m2": round(figures.area_m2, 1),
        "perimeter_m": round(figures.perimeter_m, 1),
        "compactness": round(figures.compactness, 3),
        "parts": figures.parts,
        "stations": figures.stations,
        "share_15min": None if figures.share_15min is None else round(figures.share_15min, 4),
        "warnings": [_warning(warned) for warned in state.warned],
    }


def _warning(warned: Warned) -> dict[str, Any]:
    return {
        "rule": warned.rule,
        "severity": warned.severity,
        "message": warned.zh,
        "message_en": warned.en,
        "codes": list(warned.codes),
        "place": None if warned.place is None else json.loads(shapely.to_geojson(warned.place)),
    }


def _keys(keys: Iterable[Key]) -> list[dict[str, str]]:
    return [{"level": level, "code": code} for level, code in keys]


def _flow(flow: Flow) -> dict[str, Any]:
    return {
        "level": flow.level,
        "kind": flow.kind,
        "from": flow.from_zone,
        "to": flow.to_zone,
        "subjects": flow.subjects,
    }
