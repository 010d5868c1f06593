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
from sqlalchemy import Connection, Dialect, Table, inspect
from sqlalchemy.orm import Mapper

from app.core.base import Base

Row = Mapping[str, Any]
Rows = Mapping[type[Any], Sequence[Row]]


class _Column(NamedTuple):
    name: str
    type: str
    encode: Callable[[Any], Any] | None


class _Plan(NamedTuple):
    """How rows of one table are written; `upsert` overwrites the row with the same key."""

    table: str
    columns: tuple[_Column, ...]
    conflict: str

    def parameter(self, rows: Sequence[Row]) -> str:
        encoded = []
        for row in rows:
            values: list[Any] = []
            for column in self.columns:
                value = row.get(column.name)
                if value is not None and column.encode is not None:
                    value = column.encode(value)
                values.append(value)
            encoded.append(dict(zip((c.name for c in self.columns), values, strict=True)))
        return orjson.dumps(encoded, default=_exact).decode()

    @property
    def names(self) -> str:
        return ", ".join(column.name for column in self.columns)


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
    columns = tuple(
        _Column(
            column.name,
            column.type.compile(dialect),
            column.type.dialect_impl(dialect).bind_processor(dialect),
        )
        for column in table.columns
    )
    conflict = ""
    if upserted:
        keys = {column.name for column in table.primary_key}
        updates = [f"{c.name} = excluded.{c.name}" for c in columns if c.name not in keys]
        conflict = f" ON CONFLICT ({', '.join(sorted(keys))}) DO UPDATE SET {', '.join(updates)}"
    return _Plan(table.name, columns, conflict)


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
    values = ", ".join(f"value ->> '$.{column.name}'" for column in plan.columns)
    # "WHERE true" keeps SQLite from reading ON CONFLICT as a join condition.
    return (
        f"INSERT INTO {plan.table} ({plan.names}) "  # noqa: S608 - names are the models' own
        f"SELECT {values} FROM json_each(?) WHERE true{plan.conflict}"
    )


@lru_cache(maxsize=256)
def _postgresql_statement(plans: tuple[_Plan, ...]) -> str:
    """All tables in one statement: the checks of foreign keys come at its end."""

    def insert(plan: _Plan) -> str:
        types = ", ".join(f"{column.name} {column.type}" for column in plan.columns)
        return (
            f"INSERT INTO {plan.table} ({plan.names}) "  # noqa: S608 - names are the models' own
            f"SELECT {plan.names} FROM json_to_recordset(%s::json) AS r({types}){plan.conflict}"
        )

    *first, last = plans
    parts = ", ".join(f"w{place} AS ({insert(plan)})" for place, plan in enumerate(first))
    return f"WITH {parts} {insert(last)}" if parts else insert(last)
