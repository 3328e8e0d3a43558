"""New codes for the zones of a plan: from west to east, from north to south, in the office's format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd

from api.store.lineages import codes_of
from api.store.profiles import read_profile
from geo.codes import number

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from api.store.plans import PlanInfo
    from geo.plans import Draft


def renumbering(
    session: Session, plan: PlanInfo, draft: Draft, level: str, parent: str | None = None
) -> dict[str, str]:
    """Return the codes that zones of a draft would have, numbered by `geo.codes.number`.

    Codes of other zones and retired ones are not given out; those of the zones themselves change hands.

    Parameters
    ----------
    session
        Where to read.
    plan, draft
        The plan and its zones.
    level
        Whose zones to number.
    parent
        Only the zones of this one; by default of all.

    Returns
    -------
    dict
        Old code → new code, in the order of the new ones.

    Raises
    ------
    CodeFormatError
        A zone has no parent, a parent's code does not fit the office's format, or the sequence overflows.
    NotFoundError
        No such level.
    """
    zones = [zone for zone in draft.at(level) if parent is None or zone.parent == parent]
    known = codes_of(session, plan.territory, level)
    own = {zone.code for zone in zones}
    taken = {zone.code for zone in draft.at(level)} - own
    frame = gpd.GeoDataFrame(
        {"parent": [zone.parent for zone in zones]},
        index=[zone.code for zone in zones],
        geometry=[zone.geometry for zone in zones],
        crs="EPSG:4490",
    )
    codes = number(
        frame,
        code_format=read_profile(session, plan.territory).number_format,
        taken=taken,
        retired=set(known["retired"]) - own,
    )
    return {str(old): str(new) for old, new in sorted(codes.items(), key=lambda pair: str(pair[1]))}
