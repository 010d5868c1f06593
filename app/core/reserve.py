"""The room that is kept free on the disk: nothing new is stored in it, so that reads go on.

A read leaves an access row, without which nothing is shown. When the disk is filled to the last
byte no record can be read, in an emergency too; so writes stop while there is still some room.
"""

import shutil
from pathlib import Path

from sqlalchemy.engine import make_url

from app.core.errors import StorageFull

MIB = 1024 * 1024


class Reserve:
    """Asked anew each time: once there is room, the next write is taken."""

    def __init__(self, database_url: str, data_dir: Path, reserve_mib: int) -> None:
        url = make_url(database_url)
        in_file = url.drivername == "sqlite" and url.database
        # PostgreSQL's own disk is not ours to see; it says by itself when it is full.
        self._folder = Path(str(url.database)).parent if in_file else data_dir
        self._least = reserve_mib * MIB

    def is_left(self) -> bool:
        """Say whether there is more room than what is kept free."""
        return shutil.disk_usage(self._folder).free >= self._least

    def require(self) -> None:
        """Let something new be stored.

        Raises:
            StorageFull: it would be stored in what is kept free.
        """
        if not self.is_left():
            raise StorageFull()
