"""Times as they are given on the command line."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lifecycle.cli.session import Session


def read_moment(session: Session, text: str | None) -> datetime | None:
    """Read an instant, or a duration before now (`30d`), as aware UTC; without an offset it is in the project's zone.

    None for None. Raises UsageError.
    """
    from lifecycle.base.errors import UsageError
    from lifecycle.base.units import Duration, parse_instant, parse_zone

    if text is None:
        return None
    zone = parse_zone(session.files("segments/").project.timezone)
    try:
        return Duration.parse(text).before(session.engine().clock.now(), zone)
    except ValueError:
        pass
    try:
        return parse_instant(text, zone)
    except ValueError as error:
        raise UsageError(str(error), hint="or a duration before now, as 30d") from error
