"""JSON written by the database itself: an answer of many rows needs no parsing on its way."""

from typing import Any

from sqlalchemy import String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class json_object(FunctionElement[str]):  # noqa: N801 - an SQL function
    """`json_object(name, value, ...)` as text."""

    type = String()
    inherit_cache = True


@compiles(json_object, "sqlite")
def _json_object_sqlite(element: json_object, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_object({compiler.process(element.clauses, **options)})"


@compiles(json_object, "postgresql")
def _json_object_postgresql(element: json_object, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_build_object({compiler.process(element.clauses, **options)})::text"


class json_part(FunctionElement[str]):  # noqa: N801 - an SQL function
    """A text that is JSON already, inside of `json_object`."""

    type = String()
    inherit_cache = True


@compiles(json_part, "sqlite")
def _json_part_sqlite(element: json_part, compiler: SQLCompiler, **options: Any) -> str:
    return f"json({compiler.process(element.clauses, **options)})"


@compiles(json_part, "postgresql")
def _json_part_postgresql(element: json_part, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)})::json"


class comma_separated(FunctionElement[str]):  # noqa: N801 - an SQL function
    """The texts of all rows, in their order, as the inside of a JSON list."""

    type = String()
    inherit_cache = True


@compiles(comma_separated, "sqlite")
def _comma_separated_sqlite(element: comma_separated, compiler: SQLCompiler, **options: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **options)}, ',')"


@compiles(comma_separated, "postgresql")
def _comma_separated_postgresql(
    element: comma_separated, compiler: SQLCompiler, **options: Any
) -> str:
    return f"string_agg({compiler.process(element.clauses, **options)}, ',')"
