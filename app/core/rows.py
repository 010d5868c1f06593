"""Writes the collected rows of a batch: one statement on PostgreSQL, one a table on SQLite.

PostgreSQL is a trip away: the rows of a table travel as ONE JSON parameter, which it unpacks,
and all tables as one statement, whose text depends only on which take part. SQLite is in the
process: it takes the rows one by one, and unpacking JSON would cost it three times as much.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Dialect, Table, inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.types import TypeEngine

from app.core.base import Base
from app.core.types import Document

Row = dict[str, Any]
Rows = Mapping[type[Any], Sequence[Row]]


class _Plan(NamedTuple):
    """How rows of one table are written; a conflict clause where they overwrite by key."""

    table: str
    columns: tuple[tuple[str, str], ...]
    """Name and SQL type of each."""
    encoders: tuple[tuple[str, Callable[[Any], Any]], ...]
    """For the columns whose values the driver, or orjson, does not write as the type does."""
    conflict: str

    def encode(self, rows: Sequence[Row]) -> None:
        """Put values into the database's form; the rows of a record share most of them."""
        for name, encode in self.encoders:
            last = encoded = None
            for row in rows:
                value = row[name]
                if value is None:
                    continue
                if value is not last:
                    last, encoded = value, encode(value)
                row[name] = encoded

    @property
    def names(self) -> str:
        return ", ".join(name for name, _ in self.columns)


def _exact(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)


def _table(model: type[Any]) -> Table:
    mapper: Mapper[Any] = inspect(model)
    assert isinstance(mapper.local_table, Table)
    return mapper.local_table


@lru_cache(maxsize=256)
def _plan(table: Table, dialect: Dialect, upserted: bool) -> _Plan:
    columns = tuple((column.name, column.type.compile(dialect)) for column in table.columns)
    encoders = tuple(
        (column.name, encode)
        for column in table.columns
        if not _is_plain(column.type, dialect)
        and (encode := column.type.dialect_impl(dialect).bind_processor(dialect)) is not None
    )
    conflict = ""
    if upserted:
        keys = [column.name for column in table.primary_key]
        updates = [f"{name} = excluded.{name}" for name, _ in columns if name not in keys]
        conflict = f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(updates)}"
    return _Plan(table.name, columns, encoders, conflict)


def _is_plain(type_: TypeEngine[Any], dialect: Dialect) -> bool:
    """Say whether PostgreSQL reads orjson's own form of this type: all but a document."""
    return dialect.name == "postgresql" and not isinstance(type_, Document)


@cache
def _order() -> dict[Table, int]:
    """Give each table's place: after those that its foreign keys need."""
    return {table: place for place, table in enumerate(Base.metadata.sorted_tables)}


def write(connection: Connection, rows: Rows) -> None:
    """Insert all rows, tables in the order of their foreign keys; `upserted` models overwrite."""
    models = sorted(
        (model for model, some in rows.items() if some), key=lambda model: _order()[_table(model)]
    )
    if not models:
        return
    plans = [
        _plan(_table(model), connection.dialect, getattr(model, "upserted", False))
        for model in models
    ]
    for plan, model in zip(plans, models, strict=True):
        plan.encode(rows[model])
    if connection.dialect.name == "sqlite":
        for plan, model in zip(plans, models, strict=True):
            statement, values = _sqlite_statement(plan)
            connection.exec_driver_sql(statement, [values(row) for row in rows[model]])
    else:
        parameters = [orjson.dumps(rows[model], default=_exact).decode() for model in models]
        connection.exec_driver_sql(_postgresql_statement(tuple(plans)), tuple(parameters))


@lru_cache(maxsize=256)
def _sqlite_statement(plan: _Plan) -> tuple[str, Callable[[Row], tuple[Any, ...]]]:
    """Give the statement, and what takes its parameters out of a row."""
    places = ", ".join("?" for _ in plan.columns)
    return (
        f"INSERT INTO {plan.table} ({plan.names}) VALUES ({places}){plan.conflict}",  # noqa: S608 - names are the models' own
        itemgetter(*(name for name, _ in plan.columns)),
    )


@lru_cache(maxsize=256)
def _postgresql_statement(plans: tuple[_Plan, ...]) -> str:
    """All tables in one statement: the checks of foreign keys come at its end."""

    def insert(plan: _Plan) -> str:
        types = ", ".join(f"{name} {type_}" for name, type_ in plan.columns)
        return (
            f"INSERT INTO {plan.table} ({plan.names}) "  # noqa: S608 - names are the models' own
            f"SELECT {plan.names} FROM json_to_recordset(%s::json) AS r({types}){plan.conflict}"
        )

    *first, last = plans
    parts = ", ".join(f"w{place} AS ({insert(plan)})" for place, plan in enumerate(first))
    return f"WITH {parts} {insert(last)}" if parts else insert(last)
