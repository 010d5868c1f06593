"""The common questions of a batch, all in one statement whose text never changes.

A room gives a `Lookup` (which columns, by which key) and what to do with its rows. All are
asked as scalar subqueries that the database writes as JSON, `[[…], […]]`, one text each. The
keys travel as one array, so the text is compiled once, and PostgreSQL plans it once; compiled
text passes the Session's clinic filter by, therefore each lookup is held to the batch's
clinics here.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import Dialect, Select, String, bindparam, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.core.base import Owned
from app.core.trips import in_one_trip


class json_rows(FunctionElement[str]):  # noqa: N801 - an SQL function
    """All rows of a subquery as one JSON text: a list of lists."""

    type = String()
    inherit_cache = True


@compiles(json_rows, "sqlite")
def _json_rows_sqlite(element: json_rows, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_group_array(json_array({compiler.process(element.clauses, **options)}))"


@compiles(json_rows, "postgresql")
def _json_rows_postgresql(element: json_rows, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_agg(json_build_array({compiler.process(element.clauses, **options)}))::text"


class among(FunctionElement[Any]):  # noqa: N801 - an SQL function
    """`column IN values`, the values being one parameter whatever their number.

    Not typed as Boolean: SQLite would be told `… = 1` and could then use no index.
    """

    inherit_cache = True


@compiles(among, "sqlite")
def _among_sqlite(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - compiled parts


@compiles(among, "postgresql")
def _among_postgresql(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY({values})"


class Lookup(NamedTuple):
    """Columns of one model's rows, found by one key column; a constant of its room."""

    model: type[Owned]
    columns: tuple[Any, ...]
    key: Any
    where: tuple[Any, ...] = ()


class Question(NamedTuple):
    """A lookup, the keys to look for, and who learns the rows (lists of JSON values)."""

    lookup: Lookup
    keys: Collection[UUID | str]
    learn: Callable[[list[list[Any]]], None]


class Asked(NamedTuple):
    """A constant statement, and the arrays that are its parameters."""

    statement: Select[*tuple[Any, ...]]
    arrays: Mapping[str, Collection[UUID | str]]


def ask(
    session: Session,
    questions: Sequence[Question],
    clinics: Collection[UUID],
    after: Asked | None = None,
) -> Sequence[Sequence[Any]]:
    """Ask all in one statement within these clinics, and hand each its rows.

    after: what is asked before them, in the same trip; its rows are given back.
    """
    statement = _together(tuple(one.lookup for one in questions))
    keys = {f"keys{place}": one.keys for place, one in enumerate(questions)}
    together = Asked(statement, {"clinics": clinics, **keys})
    *before, [answers] = run(session, *([after] if after else []), together)
    for question, answer in zip(questions, answers, strict=True):
        question.learn(orjson.loads(answer) if answer else [])
    return before[0] if before else []


def run(session: Session, *asked: Asked) -> list[Sequence[Sequence[Any]]]:
    """Run constant statements in turn and give the rows of each; their texts are compiled once.

    PostgreSQL is asked all of them in one trip, and sees each one after the one before.
    """
    connection = session.connection()
    array = _json_array if connection.dialect.name == "sqlite" else _array
    prepared = []
    for statement, arrays in asked:
        text, order, constants = _compiled_constant(statement, connection.dialect)
        given = {**constants, **{name: array(values) for name, values in arrays.items()}}
        prepared.append((text, given if order is None else tuple(given[name] for name in order)))
    return in_one_trip(connection, prepared)


@lru_cache(maxsize=64)
def _compiled_constant(
    statement: Select[*tuple[Any, ...]], dialect: Dialect
) -> tuple[str, list[str] | None, dict[str, Any]]:
    compiled = statement.compile(dialect=dialect)
    return str(compiled), compiled.positiontup, dict(compiled.params)


def _json_array(values: Collection[UUID | str]) -> str:
    return orjson.dumps(list(values)).decode()


def _array(values: Collection[UUID | str]) -> Any:
    """Give an array's text; the driver would spend as long on each UUID as on all of it."""
    if any(isinstance(one, str) for one in values):
        return list(values)
    return f"{{{_json_array(values)[1:-1]}}}"


@lru_cache(maxsize=64)
def _together(lookups: tuple[Lookup, ...]) -> Select[*tuple[Any, ...]]:
    subqueries = [
        select(json_rows(*lookup.columns))
        .where(
            among(lookup.model.clinic_id, bindparam("clinics")),
            among(lookup.key, bindparam(f"keys{place}")),
            *lookup.where,
        )
        .scalar_subquery()
        for place, lookup in enumerate(lookups)
    ]
    return select(*subqueries)
