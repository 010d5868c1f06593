"""What an acknowledgement rests on: a database that keeps what it committed through a power cut."""

from sqlalchemy import Connection

SAFE: dict[str, dict[str, set[str] | None]] = {
    "postgresql": {"fsync": {"on"}, "full_page_writes": {"on"}, "synchronous_commit": None},
    "sqlite": {"journal_mode": {"wal"}, "synchronous": {"2"}},
}
"""Settings and the values that will do; None: any but off, for all others wait for our own disk."""


class NotDurable(RuntimeError):
    """The database may forget what it has committed."""


def require_durable(connection: Connection) -> None:
    """Refuse to serve where a 2xx would promise more than the database keeps.

    Raises:
        NotDurable: names the setting.
    """
    dialect = connection.dialect.name
    ask = "PRAGMA {}" if dialect == "sqlite" else "SHOW {}"
    for name, good in SAFE[dialect].items():
        value = str(connection.exec_driver_sql(ask.format(name)).scalar_one())
        if value == "off" or (good is not None and value not in good):
            wanted = " or ".join(good) if good else "on"
            raise NotDurable(f"the database has {name} = {value}; {wanted} is needed")
