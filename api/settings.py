"""Settings of the service, from ``ONEGRID_`` environment variables."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _user_data_dir() -> Path:
    if os.geteuid() == 0:
        # PostgreSQL runs as the user postgres then, who cannot enter /root.
        return Path("/var/lib/onegrid")
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "onegrid"


class Settings(BaseSettings):
    """What an office may set. Every field is read from ``ONEGRID_<NAME>``.

    `.docs/REFERENCE.md` lists each of them; a test fails when one is missing there.
    """

    model_config = SettingsConfigDict(env_prefix="ONEGRID_", extra="forbid", frozen=True)

    home: Path = Field(
        default_factory=_user_data_dir,
        description="数据目录: embedded database, uploads, logs (as root: /var/lib/onegrid)",
    )
    database_url: str | None = Field(
        default=None, description="an existing PostGIS >= 3.3 instead of the embedded one (postgresql://…)"
    )
    host: str = Field(default="127.0.0.1", description="address that the service listens on")
    port: int = Field(default=8000, ge=1, le=65535, description="port that the service listens on")
    secure_cookies: bool = Field(default=False, description="true behind HTTPS: cookies carry Secure")
    idle_minutes: int = Field(default=30, ge=1, description="a session idle for longer is signed out")
    lockout_tries: int = Field(default=5, ge=1, description="wrong passwords before an account is locked")
    lockout_minutes: int = Field(default=15, ge=1, description="for how long it is locked")
    upload_mb: int = Field(default=512, ge=1, description="largest file that may be uploaded, in MB")
    sign_in_per_minute: int = Field(default=20, ge=1, description="sign-in attempts per minute and address")
    lookups_per_minute: int = Field(default=600, ge=1, description="lookups per minute and caller")
    batch_rows: int = Field(default=10_000, ge=1, description="most rows in one POST /api/lookup")
    walk_speed_mps: float = Field(default=1.0, gt=0, description="walking speed of service circles, m/s")
    map_approval: str = Field(default="内部工作用图", description="审图号, or the words that stand in for it")


@cache
def get_settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()


BOUNDARIES = Path(__file__).parents[1] / "data" / "boundaries"
"""Sample boundaries that come with the project."""
