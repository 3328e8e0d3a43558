"""What an edit of a plan holds, and the operation of the kernel that it means."""

import re
from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

import shapely
from pydantic import ConfigDict, Field, model_validator

from api.schemas import RequestBody
from api.store.refusals import InvalidRequestError
from geo.files.rows import CODE_PATTERN, OWN_CODE_PATTERN, OWN_LEVELS
from geo.plans import Change, Draft
from geo.plans import operations as op

Position = tuple[float, float]
Code = Annotated[str, Field(pattern=f"^{OWN_CODE_PATTERN}$", examples=["310112103008001"])]
Name = Annotated[
    str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$", examples=["兴银花园第三网格"])
]
Line = Annotated[
    list[Position],
    Field(
        min_length=2,
        max_length=10_000,
        description="lon/lat EPSG:4490",
        examples=[[[121.401, 31.071], [121.404, 31.071]]],
    ),
]
Ring = Annotated[list[Position], Field(min_length=4, max_length=100_000)]
Area = Annotated[
    list[Ring],
    Field(
        min_length=1,
        max_length=1000,
        description="outer ring, then holes, lon/lat EPSG:4490",
        examples=[[[[121.401, 31.071], [121.404, 31.071], [121.404, 31.073], [121.401, 31.071]]]],
    ),
]


class _Edit(RequestBody):
    model_config = ConfigDict(allow_inf_nan=False)

    level: Annotated[str, Field(description="层级编码", examples=["grid"])]

    @model_validator(mode="after")
    def _codes_fit_the_level(self) -> Self:
        if self.level not in OWN_LEVELS:
            named = self.model_dump(include={"code", "codes", "heir", "parent", "members"})
            for code in _texts(list(named.values())):
                if re.fullmatch(CODE_PATTERN, code) is None:
                    raise ValueError(f"编码“{code}”只能用数字、英文字母、点、下划线和连字符")
        return self

    @abstractmethod
    def change(self, draft: Draft) -> Change:
        """Make the change on a draft."""


def _texts(value: object) -> Iterator[str]:
    """Yield the texts in nested lists and dictionaries, the latter's keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts([*value.keys(), *value.values()])
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)


class MoveBorder(_Edit):
    """Drag shared vertices, put new ones in, take others away."""

    operation: Literal["move_border"]
    moves: list[tuple[Position, Position]] = Field(
        [],
        max_length=10_000,
        description="[from, to] per vertex",
        examples=[[[[121.401, 31.071], [121.4012, 31.071]]]],
    )
    inserts: list[tuple[Position, Position, Position]] = Field(
        [], max_length=10_000, description="[one end of a border's segment, its other end, new vertex]"
    )
    removes: list[Position] = Field([], max_length=10_000, description="vertices to take away")

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.moves or self.inserts or self.removes):
            raise ValueError("请至少拖动一个顶点 (moves, inserts, removes)")
        return self

    def change(self, draft: Draft) -> Change:
        """Move, put in and take away vertices."""
        return op.move_border(draft, self.level, dict(self.moves), inserts=self.inserts, removes=self.removes)


class RedrawBorder(_Edit):
    """A line takes the place of the common border of two zones."""

    operation: Literal["redraw_border"]
    codes: Annotated[tuple[Code, Code], Field(examples=[["310112103001001", "310112103001002"]])]
    line: Line

    def change(self, draft: Draft) -> Change:
        """Redraw a border."""
        return op.redraw_border(draft, self.level, self.codes, shapely.LineString(self.line))


class Split(_Edit):
    """Split a zone by a line."""

    operation: Literal["split"]
    code: Code
    line: Line
    codes: Annotated[list[Code], Field(min_length=1, description="codes of the new pieces, largest first")]
    names: list[Name] = Field([])

    def change(self, draft: Draft) -> Change:
        """Split a zone."""
        line = shapely.LineString(self.line)
        return op.split(draft, self.level, self.code, line, codes=self.codes, names=self.names)


class Merge(_Edit):
    """Merge zones into the first."""

    operation: Literal["merge"]
    codes: Annotated[list[Code], Field(min_length=2, examples=[["310112103001001", "310112103001002"]])]

    def change(self, draft: Draft) -> Change:
        """Merge zones."""
        return op.merge(draft, self.level, self.codes)


class Reshape(_Edit):
    """Give a zone the shape of an area."""

    operation: Literal["reshape"]
    code: Code
    area: Area
    heir: Code | None = None

    def change(self, draft: Draft) -> Change:
        """Reshape a zone."""
        return op.reshape(draft, self.level, self.code, polygon_of(self.area), heir=self.heir)


class Paint(_Edit):
    """Give blocks, estates or buildings to a zone."""

    operation: Literal["paint"]
    code: Code
    areas: Annotated[list[Area], Field(min_length=1, max_length=1000)]

    def change(self, draft: Draft) -> Change:
        """Give areas to a zone."""
        return op.paint(draft, self.level, self.code, [polygon_of(area) for area in self.areas])


class Carve(_Edit):
    """Carve a dedicated zone."""

    operation: Literal["carve"]
    code: Code
    name: Name
    area: Area

    def change(self, draft: Draft) -> Change:
        """Carve a dedicated zone."""
        return op.carve(draft, self.level, self.code, self.name, polygon_of(self.area))


class FillGap(_Edit):
    """Draw a new or existing zone into a gap."""

    operation: Literal["fill_gap"]
    code: Code
    name: Name | None = None
    parent: Code | None = None
    area: Area

    def change(self, draft: Draft) -> Change:
        """Draw a zone into a gap."""
        area = polygon_of(self.area)
        return op.fill_gap(draft, self.level, area, code=self.code, name=self.name or "", parent=self.parent)


class Delete(_Edit):
    """Delete a zone; a neighbour takes its ground."""

    operation: Literal["delete"]
    code: Code
    heir: Code | None = None

    def change(self, draft: Draft) -> Change:
        """Delete a zone."""
        return op.delete(draft, self.level, self.code, heir=self.heir)


class Regroup(_Edit):
    """Make a functional zone of communities; ``level`` is that of the functional zones."""

    operation: Literal["regroup"]
    code: Code
    name: Name | None = None
    members: Annotated[list[Code], Field(examples=[["310112103001", "310112103002"]])]
    of: Annotated[str, Field(examples=["community"])] = "community"

    def change(self, draft: Draft) -> Change:
        """Regroup members."""
        return op.regroup(draft, self.level, self.code, self.members, of=self.of, name=self.name or "")


class Describe(_Edit):
    """Rename a zone or set its staff."""

    operation: Literal["describe"]
    code: Code
    name: Name | None = None
    staff: Annotated[
        list[dict[str, Any]] | None, Field(max_length=50, examples=[[{"role": "网格长", "name": "王芳"}]])
    ] = None

    def change(self, draft: Draft) -> Change:
        """Rename, or set staff."""
        return op.describe(draft, self.level, self.code, name=self.name, staff=self.staff)


class Renumber(_Edit):
    """Give zones new codes."""

    operation: Literal["renumber"]
    codes: Annotated[
        dict[Code, Code],
        Field(
            min_length=1,
            description="old code → new code",
            examples=[{"310112103001007": "310112103001001"}],
        ),
    ]

    def change(self, draft: Draft) -> Change:
        """Renumber zones."""
        return op.renumber(draft, self.level, self.codes)


class Except(_Edit):
    """Register a gap as an exception."""

    operation: Literal["exception"]
    code: Code
    name: Name
    cause: Name
    area: Area

    def change(self, draft: Draft) -> Change:
        """Register an exception."""
        return op.register_exception(draft, self.code, self.name, self.cause, polygon_of(self.area))


Edit = Annotated[
    MoveBorder
    | RedrawBorder
    | Split
    | Merge
    | Reshape
    | Paint
    | Carve
    | FillGap
    | Delete
    | Regroup
    | Describe
    | Renumber
    | Except,
    Field(discriminator="operation"),
]


def polygon_of(rings: list[list[Position]]) -> shapely.Polygon:
    """Return the polygon of rings in lon/lat, the first being the outer one.

    Raises
    ------
    InvalidRequestError
        A ring crosses itself or lies outside of the outer one.
    """
    polygon = shapely.Polygon(rings[0], rings[1:])
    if not shapely.is_valid(polygon):
        raise InvalidRequestError(
            f"所画的范围不是有效的面: {shapely.is_valid_reason(polygon)}。",
            "the area is no valid polygon",
            remedy="请画一个不自相交的闭合范围。",
        )
    return polygon
