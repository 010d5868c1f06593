"""Writes the collected rows of a batch: one statement on PostgreSQL, one a table on SQLite.

The rows of a table travel as ONE JSON parameter, unpacked by the database. The statement's
text then depends only on which tables take part, so it is built once and prepared once, and
its cost does not grow with the rows as that of bound parameters does.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Boolean, Connection, Date, Dialect, Table, inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.types import TypeEngine

from app.core.base import Base
from app.core.types import Document, Id

Row = dict[str, Any]
Rows = Mapping[type[Any], Sequence[Row]]


class _Plan(NamedTuple):
    """How rows of one table are written; a conflict clause where they overwrite by key."""

    table: str
    columns: tuple[tuple[str, str], ...]
    """Name and SQL type of each."""
    encoders: tuple[tuple[str, Callable[[Any], Any]], ...]
    """Only for columns whose JSON is not what orjson writes by itself."""
    conflict: str

    def parameter(self, rows: Sequence[dict[str, Any]]) -> str:
        for name, encode in self.encoders:
            for row in rows:
                if (value := row[name]) is not None:
                    row[name] = encode(value)
        return orjson.dumps(rows, default=_exact).decode()

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
    """Say whether the database reads orjson's own form of this type."""
    if dialect.name == "postgresql":
        return not isinstance(type_, Document)
    return isinstance(type_, Id | Date | Boolean)


def write(connection: Connection, rows: Rows) -> None:
    """Insert all rows, tables in the order of their foreign keys; `upserted` models overwrite."""
    order = {table: place for place, table in enumerate(Base.metadata.sorted_tables)}
    models = sorted(
        (model for model, some in rows.items() if some),
        key=lambda model: order[_table(model)],
    )
    if not models:
        return
    plans = [
        _plan(_table(model), connection.dialect, getattr(model, "upserted", False))
        for model in models
    ]
    parameters = [plan.parameter(rows[model]) for plan, model in zip(plans, models, strict=True)]
    if connection.dialect.name == "sqlite":
        for plan, parameter in zip(plans, parameters, strict=True):
            connection.exec_driver_sql(_sqlite_statement(plan), (parameter,))
    else:
        connection.exec_driver_sql(_postgresql_statement(tuple(plans)), tuple(parameters))


@lru_cache(maxsize=256)
def _sqlite_statement(plan: _Plan) -> str:
    values = ", ".join(f"value ->> '$.{name}'" for name, _ in plan.columns)
    # "WHERE true" keeps SQLite from reading ON CONFLICT as a join condition.
    return (
        f"INSERT INTO {plan.table} ({plan.names}) "  # noqa: S608 - names are the models' own
        f"SELECT {values} FROM json_each(?) WHERE true{plan.conflict}"
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
