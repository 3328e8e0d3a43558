"""Territories and their versions."""

from fastapi import APIRouter
from pydantic import Field

from api.deps import PathTerritory, SignedIn, Transaction
from api.schemas import TerritoryEntry, VersionSummary
from api.store import zones

router = APIRouter(prefix="/api/territories", tags=["辖区与版本 Territories and versions"])


class TerritorySummary(TerritoryEntry):
    """A territory in the list."""

    current_version: str | None = Field(examples=["zhuanqiao-v1"])


@router.get("", summary="辖区列表 Territories")
def list_territories(session: Transaction, _caller: SignedIn) -> list[TerritorySummary]:
    """列出全部辖区，各带现行版本（没有发布过的，带最新草稿）。"""
    return [TerritorySummary(**row) for row in zones.list_territories(session)]


@router.get("/{code}/versions", summary="版本列表 Versions", responses={404: {"description": "没有这个辖区"}})
def list_versions(code: PathTerritory, session: Transaction, _caller: SignedIn) -> list[VersionSummary]:
    """列出一个辖区的全部版本，最新的在前。"""
    return [VersionSummary(**row) for row in zones.list_version_fields(session, code)]
