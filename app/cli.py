"""The command line: serve, demo, import, token, db, openapi."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, get_args
from uuid import UUID

import typer
import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from app import database
from app.core import clock, log
from app.core.actor import Actor, Role, Trace
from app.core.db import Reader, Writer, open_engine
from app.core.errors import TitrateError
from app.core.health import schema_is_current
from app.core.snapshots import snapshots
from app.identity import service as identity
from app.identity.tokens import Issuer
from app.imports import export as exports
from app.imports import service as imports
from app.main import Ledger, create_app
from app.sample import load as sample
from app.settings import Settings
from app.signals import notice
from app.sync import audit, erasure, restored

FAILED, USAGE, SCHEMA_OUT_OF_DATE = 1, 2, 5
OUTDATED = "the database is not at the newest schema: titrate db upgrade"

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The record, and the reading, of what a psychiatric medicine does to a person.",
)
db = typer.Typer(no_args_is_help=True, help="Move the database between schema versions.")
cli.add_typer(db, name="db")
talk = Console(stderr=True)


def fail(message: str, code: int = FAILED) -> typer.Exit:
    """Say what is wrong, and give the exit to raise."""
    talk.print(f"[red]titrate:[/red] {message}", highlight=False)
    return typer.Exit(code)


def settings() -> Settings:
    """Read the settings, or stop with the sentence that says what to set."""
    try:
        return Settings()
    except ValidationError as failure:
        reasons = "; ".join(
            f"{'TITRATE_' + '_'.join(map(str, one['loc'])).upper() + ': ' if one['loc'] else ''}"
            f"{one['msg'].removeprefix('Value error, ')}"
            for one in failure.errors(include_input=False)
        )
        raise fail(reasons, USAGE) from None


@contextmanager
def writing() -> Iterator[Writer]:
    """Give a writer of its own to a command; another process may be serving meanwhile."""
    chosen = settings()
    engine = open_engine(chosen.database_url)
    if not schema_is_current(engine):
        raise fail(
            "the database is not at the newest schema: titrate db upgrade", SCHEMA_OUT_OF_DATE
        )
    writer = Writer(engine, clock.now, Ledger())
    writer.start()
    try:
        yield writer
    finally:
        writer.stop()
        engine.dispose()


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far a long command is, on standard error, where there is a terminal."""
    with Progress(console=talk, transient=True, disable=not talk.is_terminal) as bar:
        task = bar.add_task(label)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def served() -> FastAPI:
    """Make what each worker process serves; each of them writes its own log lines."""
    log.install(settings().log_level)
    return create_app()


@cli.command()
def serve(host: str = "127.0.0.1", port: int = 8000, workers: int = 1) -> None:
    """Serve the API; the database must stand at the newest schema."""
    chosen = settings()
    log.install(chosen.log_level)
    chosen.data_dir.mkdir(parents=True, exist_ok=True)
    uvicorn.run(
        "app.cli:served",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=False,
        log_level="warning",
        server_header=False,
        ws="none",
    )


@cli.command()
def demo(host: str = "127.0.0.1", port: int = 8000) -> None:
    """Load the synthetic sample clinic on the first start, print what to try, and serve."""
    chosen = settings()
    chosen.data_dir.mkdir(parents=True, exist_ok=True)
    database.upgrade(chosen.database_url, clock.now)
    issuer = Issuer.of_file(chosen.key_file)
    today = clock.now().date()
    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    with writing() as writer, progress_bar("the synthetic sample clinic") as progress:
        patient_id = sample.load(writer, actor, today, progress)
    token = _token(issuer, "prescriber", None, None, identity.DEFAULT_CLINIC)
    _say_what_to_try(f"http://{host}:{port}", token, patient_id)
    serve(host, port)


def _say_what_to_try(url: str, token: str, patient_id: UUID) -> None:
    moment = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    body = json.dumps(
        {"occurred_at": moment, "mood_cognition": {"mood": 6}, "sleep": {"quality": 7}}
    )
    patient = f"{url}/v1/patients/{patient_id}"
    out = Console(soft_wrap=True, highlight=False)
    out.print(
        f"\nTitrate serves [bold]{url}[/bold] (its documentation: {url}/openapi.json).\n"
        "The patients are synthetic. A prescriber's token, good for one hour:\n\n"
        f"export TOKEN={token}\n\nThree lines to try in another terminal:\n\n"
        f'curl -H "Authorization: Bearer $TOKEN" {url}/v1/patients\n\n'
        f'curl -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: first" '
        f"--json '{body}' {patient}/check-ins\n\n"
        f'curl -H "Authorization: Bearer $TOKEN" "{patient}/trends?format=svg" -o trend.svg\n',
        markup=True,
    )


@cli.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(help="bundles or single resources, CSV files, HL7 v2 messages")
    ],
    format: Annotated[
        imports.Format | None,
        typer.Option(help="of all files; default: told from each file's name or beginning"),
    ] = None,
    create_patients: Annotated[
        bool, typer.Option(help="make a patient of whoever is not known yet")
    ] = False,
    system: Annotated[
        str | None,
        typer.Option(
            help="the system of identifiers that come without one: a CSV's `subject`, a PID-3 "
            "without authority, a reference to a Patient that is in no file"
        ),
    ] = None,
    care_team: Annotated[
        UUID | None, typer.Option(help="who may see new patients; default: the prescribers")
    ] = None,
    clinic: UUID = identity.DEFAULT_CLINIC,
    dry_run: Annotated[
        bool, typer.Option(help="say what would be done, and store nothing")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one line of JSON an entry")] = False,
) -> None:
    """Read FHIR R4, CSV or HL7 v2 files; one result per entry, twice without duplicates.

    Results: created; updated or withdrawn, where the source corrected or took back what an
    earlier import brought; unchanged; skipped, with its reason.

    Exit code 0: entries were taken or were there (whatever else was skipped, with its reason);
    1: nothing was taken of any entry, a file is broken (then nothing of any file is stored), or
    the database fails; 2: the command is wrong; 5: the database needs an upgrade.
    """
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise fail(f"no such file: {', '.join(missing)}", USAGE)
    actor = identity.built_in_actor(clinic, "system")
    counts: Counter[str] = Counter()
    table = Table("file", "entry", "type", "result", "reason")
    with writing() as writer, progress_bar("import") as progress:
        try:
            for result in imports.import_files(
                writer,
                actor,
                files,
                format=format,
                create_patients=create_patients,
                system=system,
                care_team=care_team,
                dry_run=dry_run,
                progress=progress,
            ):
                counts[result.status] += 1
                if as_json:
                    sys.stdout.write(json.dumps(result.told()) + "\n")
                elif result.status != "unchanged" or result.reason:
                    table.add_row(*map(escape, _cells(result)))
        except imports.CareTeamUnknown as failure:
            raise fail(str(failure), USAGE) from None
        except (imports.Unreadable, TitrateError) as failure:
            raise fail(escape(str(failure))) from None
    if table.row_count:
        Console().print(table)
    told = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    talk.print(f"{told or 'no entries'}{'; a dry run: nothing was stored' if dry_run else ''}")
    if counts and set(counts) == {"skipped"}:
        raise typer.Exit(FAILED)


@cli.command()
def export(
    patient: UUID,
    format: Annotated[exports.Format, typer.Option(help="csv: a zip of tables")] = "json",
    output: Annotated[
        Path | None, typer.Option(help="where to save it; default: standard output")
    ] = None,
    clinic: UUID = identity.DEFAULT_CLINIC,
) -> None:
    """Give every record of one patient as it is now, and the series of its numbers."""
    actor = identity.built_in_actor(clinic, "system")
    with writing() as writer:
        try:
            answer = writer.run(exports.export, actor, patient, format, operation="export_patient")
        except TitrateError as failure:
            raise fail(str(failure)) from None
    if output is None:
        sys.stdout.buffer.write(answer.body)
        return
    try:
        output.write_bytes(answer.body)
    except OSError as failure:
        raise fail(str(failure)) from None


def _cells(result: imports.Result) -> tuple[str, ...]:
    """Give the cells of a result, with its reason in words."""
    reason = ": ".join(filter(None, (result.reason, result.words)))
    return (result.file, str(result.entry), result.type, result.status, reason)


def _token(
    issuer: Issuer, role: Role, user: UUID | None, patient: UUID | None, clinic: UUID
) -> str:
    if role in {"patient", "proxy"}:
        if patient is None:
            raise fail(f"a {role}'s token needs --patient", USAGE)
        user = user or identity.patient_user(clinic, patient)
        with writing() as writer:
            actor: Actor = identity.built_in_actor(clinic, "system")
            writer.run(identity.enrol, actor, user, role, role, patient, operation="enrol")
    return issuer.issue(
        clock.now(),
        clinic_id=clinic,
        user_id=user or identity.built_in_user(clinic, role),
        role=role,
        client="command-line",
        patient_id=patient,
    )


@cli.command()
def token(
    role: Annotated[str, typer.Option(help=f"one of {', '.join(get_args(Role))}")],
    user: UUID | None = None,
    patient: UUID | None = None,
    clinic: UUID = identity.DEFAULT_CLINIC,
) -> None:
    """Print a token, good for one hour; without --user, of the clinic's built-in user."""
    if role not in get_args(Role):
        raise fail(f"--role is one of {', '.join(get_args(Role))}", USAGE)
    issuer = Issuer.of_file(settings().key_file)
    chosen: Role = role  # type: ignore[assignment]  # just checked
    sys.stdout.write(_token(issuer, chosen, user, patient, clinic) + "\n")


@cli.command()
def safety_notice(text: str, clinic: UUID = identity.DEFAULT_CLINIC) -> None:
    """Keep the clinic's own words to a patient at risk: whom to call. Production wants them."""
    actor = identity.built_in_actor(clinic, "administrator")
    with writing() as writer:
        try:
            answer = writer.run(notice.say, actor, text, operation="set_safety_notice")
        except TitrateError as failure:
            raise fail(str(failure)) from None
    Console(soft_wrap=True).print(json.loads(answer.body)["notice"], markup=False)


@cli.command()
def verify(
    head: Annotated[
        Path | None, typer.Option(help="a signed head that was exported before, to hold it to")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="where to write the signed head of now; keep it elsewhere")
    ] = None,
    clinic: UUID = identity.DEFAULT_CLINIC,
) -> None:
    """Recompute the chains of journal and access log; exit 1 where one was tampered with."""
    chosen = settings()
    engine = open_engine(chosen.database_url)
    if not schema_is_current(engine):
        raise fail(OUTDATED, SCHEMA_OUT_OF_DATE)
    reader = Reader(snapshots(engine), clock.now, Ledger(), threads=1)
    actor = identity.built_in_actor(clinic, "privacy_officer")
    issuer = Issuer.of_file(chosen.key_file)
    try:
        known = head.read_text() if head is not None else None
        answer = reader.ask(audit.verify, actor, Trace("-", "CLI", "verify"), issuer, known)
    except (OSError, TitrateError) as failure:
        raise fail(str(failure)) from None
    finally:
        reader.stop()
        engine.dispose()
    told = json.loads(answer.body)
    for one in told["chains"]:
        state = "holds" if one["holds"] else f"does NOT hold from row {one['broken_at']} on"
        Console(soft_wrap=True).print(f"{one['kind']}: {one['rows']} rows, {state}")
    if not told["holds"]:
        raise typer.Exit(FAILED)
    if export is not None:
        export.write_text(told["signed_head"] + "\n")


@cli.command()
def erasures(
    export: Annotated[
        Path | None, typer.Option(help="where to write what was erased; keep it with each head")
    ] = None,
    apply: Annotated[
        Path | None, typer.Option(help="such a list: erase again what a restored record still has")
    ] = None,
    clinic: UUID = identity.DEFAULT_CLINIC,
) -> None:
    """Keep what was erased, and erase it again after a restore, before anybody is served."""
    if (export is None) == (apply is None):
        raise fail("either --export FILE or --apply FILE", USAGE)
    actor = identity.built_in_actor(clinic, "privacy_officer")
    engine = open_engine(settings().database_url)
    with writing() as writer:
        try:
            if export is not None:
                listed = writer.run(erasure.done, actor, operation="list_erasures")
                export.write_bytes(listed.body)
                return
            assert apply is not None
            known = restored.read_list(apply.read_bytes())
            again = list(restored.erase_again(writer, engine, clinic, known))
        except (OSError, TitrateError) as failure:
            raise fail(str(failure)) from None
        finally:
            engine.dispose()
    Console().print(f"{len(known)} listed, {len(again)} erased again")


@cli.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    app: FastAPI = create_app(settings())
    sys.stdout.write(json.dumps(app.openapi(), indent=1, sort_keys=True) + "\n")


@db.command()
def upgrade(revision: str = "head") -> None:
    """Migrate up, and make the clinic `default` where there is none."""
    chosen = settings()
    chosen.data_dir.mkdir(parents=True, exist_ok=True)
    database.upgrade(chosen.database_url, clock.now, revision, chosen.app_role)


@db.command()
def downgrade(revision: str) -> None:
    """Migrate down; the data of tables that go is lost."""
    database.downgrade(settings().database_url, revision)


@db.command()
def check() -> None:
    """Say by the exit code whether the database stands at the newest schema."""
    engine = open_engine(settings().database_url)
    if not schema_is_current(engine):
        raise fail(OUTDATED, SCHEMA_OUT_OF_DATE)


def main() -> None:
    """Run the command line."""
    cli()
