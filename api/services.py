"""What one app works with: settings, database, jobs, limits, drafts."""

from dataclasses import dataclass, field

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy import Engine

from api.errors import TooManyRequestsError
from api.kept import TILE_BYTES, Kept
from api.settings import Settings
from api.store.drafts import Rooms
from api.store.jobs import JobRunner
from api.watching import Watching

MINUTE_S = 60


@dataclass(frozen=True)
class Services:
    """What one app works with.

    Parameters
    ----------
    settings
        As set by the office.
    engine
        The database.
    jobs
        The pool for work longer than a second.
    limiter
        Counts of requests, in this process.
    rooms
        The drafts of plans that are being edited, in this process.
    tiles
        Vector tiles that were asked for lately.
    watching
        The open streams of events about plans, and who works where.
    """

    settings: Settings
    engine: Engine
    jobs: JobRunner
    limiter: MovingWindowRateLimiter = field(default_factory=lambda: MovingWindowRateLimiter(MemoryStorage()))
    rooms: Rooms = field(default_factory=Rooms)
    tiles: Kept = field(default_factory=lambda: Kept(TILE_BYTES))
    watching: Watching = field(default_factory=Watching)

    def limit(self, what: str, per_minute: int, who: str, cost: int = 1) -> None:
        """Count a request against its limit.

        Raises
        ------
        TooManyRequestsError
            When the limit of the last minute is used up.
        """
        limit = RateLimitItemPerMinute(per_minute)
        if not self.limiter.hit(limit, what, who, cost=min(cost, per_minute)):
            raise TooManyRequestsError(MINUTE_S)
