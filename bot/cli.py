"""The command line: `serve`, `check`, `explain-log`, `demo`, `db copy`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot import __version__
from bot.pipeline.load import BadPipelineFile, load
from bot.settings import BadSettings, Settings, database_url, read_database
from bot.store import StoreRefused

if TYPE_CHECKING:
    from bot.explain import Tail

app = typer.Typer(
    name="release-bot",
    help="A GitHub App that runs a company's release day.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

databases = typer.Typer(help="Work on the database, while no server does.", no_args_is_help=True)
app.add_typer(databases, name="db")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"release-bot {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A GitHub App that runs a company's release day."""
    del version


@app.command()
def serve() -> None:
    """Run the bot: webhook door, engine and pages. Everything comes from the environment (or a .env file)."""
    from bot import app as program

    try:
        settings = Settings.load()
    except BadSettings as error:
        raise _refusal(*error.problems) from None
    try:
        asyncio.run(program.serve(settings))
    except StoreRefused as error:
        raise _refusal(f"DATABASE_URL: {str(error).removeprefix('DATABASE_URL: ')}") from None
    except OSError as error:
        problem = f"PORT: cannot listen on {settings.host}:{settings.port}: {error.strerror}"
        raise _refusal(problem) from None


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The pipeline file, .github/release-bot.yml for instance.")],
) -> None:
    """Validate a pipeline file. Exit code 1 and one line per mistake: FILE:LINE:COLUMN: what is wrong."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        typer.echo(f"{file}: the file cannot be read: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    except UnicodeDecodeError:
        typer.echo(f"{file}:1:1: the file is not UTF-8 text", err=True)
        raise typer.Exit(1) from None
    try:
        pipelines = load(text, str(file))
    except BadPipelineFile as error:
        for mistake in error.mistakes:
            typer.echo(str(mistake), err=True)
        raise typer.Exit(1) from None
    names = ", ".join(f"{pipeline.name} ({len(pipeline.steps)} steps)" for pipeline in pipelines)
    typer.echo(f"{file}: good: {names}")


@app.command("explain-log")
def explain_log(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Logs of failed jobs; - is standard input.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object for each file: file, cause, rule, line, why.")
    ] = False,
    job: Annotated[str, typer.Option(help="The name of the failed job.")] = "",
    step: Annotated[str, typer.Option(help="The name of its failed step.")] = "",
    conclusion: Annotated[
        str, typer.Option(help="How the job ended: failure, cancelled or timed_out for instance.")
    ] = "failure",
) -> None:
    """Say why jobs failed, as the bot would judge it: which rule fires on a log, on which line, and why.

    Exit code 2 when a file cannot be read; the others are explained all the same.
    """
    from bot.explain import CONCLUSIONS, Job, explain
    from bot.pipeline.rules import shipped_rules

    if conclusion not in CONCLUSIONS:
        raise _refusal(f"--conclusion: '{conclusion}' must be one of {', '.join(CONCLUSIONS)}")
    told = Job(job, step or None, conclusion)
    unreadable = False
    for file in files:
        try:
            tail = _tail_of(file)
        except (OSError, ValueError) as error:
            unreadable = True
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            typer.echo(f"{file}: the file cannot be read: {reason}", err=True)
            continue
        explained = explain(file, tail, told, shipped_rules())
        text = explained.as_json() if as_json else explained.as_text()
        typer.echo(text.encode("utf-8", "replace"))
    if unreadable:
        raise typer.Exit(2)


def _tail_of(file: str) -> "Tail":
    from bot.explain import read_tail

    if file == "-":
        return read_tail(typer.get_binary_stream("stdin"))
    with Path(file).open("rb") as stream:
        return read_tail(stream)


@app.command()
def demo(
    chaos: Annotated[
        bool,
        typer.Option("--chaos", help="Lose, double and reorder deliveries, and kill the bot half-way."),
    ] = False,
) -> None:
    """Play a whole release against the built-in GitHub simulator. Needs no settings; nothing leaves this machine."""
    from bot.demo import play  # only the demo needs the simulator

    raise typer.Exit(play(chaos=chaos))


@databases.command("copy")
def copy_database(
    source: Annotated[
        str,
        typer.Argument(metavar="FROM", help="The database as it is, sqlite:///release-bot.db for instance."),
    ],
    target: Annotated[
        str, typer.Argument(metavar="TO", help="An empty one, postgresql://user@server/name for instance.")
    ],
) -> None:
    """Copy everything, releases in mid-flight included, into an empty database. Stop the server before.

    FROM and TO are written as in DATABASE_URL; a password may also come from PGPASSWORD or ~/.pgpass. All or nothing is
    copied; exit code 2 when it is nothing.
    """
    from bot import store

    urls = []
    for name, text in (("FROM", source), ("TO", target)):
        try:
            urls.append(database_url(read_database(text, folder=Path.cwd())))
        except ValueError as error:
            raise _refusal(f"{name}: {error}") from None
    try:
        copied = asyncio.run(store.copy_database(*urls))
    except StoreRefused as error:
        raise _refusal(str(error)) from None
    for table in copied:
        typer.echo(f"{table.table}: {table.rows} rows")
    typer.echo(
        "Copied. Set DATABASE_URL to the new database, and do not start a server on the old one again."
    )


def _refusal(*problems: str) -> typer.Exit:
    for problem in problems:
        typer.echo(problem, err=True)
    return typer.Exit(2)


def main() -> None:
    """The console script."""
    app()
