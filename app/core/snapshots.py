"""One moment for all questions of a reading: what is committed between two of them is not seen."""

from sqlalchemy import Engine


def snapshots(engine: Engine) -> Engine:
    """Give the same database, each transaction of which sees one moment.

    SQLite does so by itself. PostgreSQL would look anew for each statement: a trend could count
    what its list lacks, and a chain grow while it is verified.
    """
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ")
    return engine
