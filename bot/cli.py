"""The command line: `serve`, `check`, `explain-log`, `flakes`, `demo`, `db copy`.

Rule: this module itself needs almost nothing, and each command imports what it needs: they start quickly, and `serve`
hears a signal before its imports, which take their time.
"""

import asyncio
import os
import re
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from bot import __version__
from bot.operators import MOST_DAYS

if TYPE_CHECKING:
    from bot.core.causes import Rule
    from bot.core.ledger import Flake
    from bot.explain import Tail
    from bot.operators.words import FlakesAsked
    from bot.pipeline.plans import Pipelines
    from bot.settings import Database, Settings

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
    """Run the bot: webhook door, engine and pages.

    Needs APP_ID, PRIVATE_KEY (or PRIVATE_KEY_PATH) and WEBHOOK_SECRET, from
    the environment or a .env file. All settings: docs/operating.md.
    """
    from bot.serving import CannotListen
    from bot.settings import BadSettings, Settings
    from bot.store import StoreRefused

    try:
        asyncio.run(_serve_and_leave(Settings.load()))
    except BadSettings as error:
        raise _refusal(*error.problems) from None
    except StoreRefused as error:
        raise _refusal(f"DATABASE_URL: {str(error).removeprefix('DATABASE_URL: ')}") from None
    except CannotListen as error:
        raise _refusal(str(error)) from None


async def _serve_and_leave(settings: "Settings") -> None:
    """What had to be given back is; a thread that still waits for a server or a name must not hold up the end."""
    from bot.serving import serve

    await serve(settings)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


@app.command()
def check(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The pipeline file, .github/release-bot.yml for instance.")
    ],
) -> None:
    """Validate a pipeline file. Exit code 1 and one line per mistake: FILE:LINE:COLUMN: what is wrong."""
    from bot.core.present.words import count

    pipelines = _pipelines_in(file, exit_code=1)
    names = ", ".join(f"{pipeline.name} ({count(len(pipeline.steps), 'step')})" for pipeline in pipelines)
    typer.echo(f"{file}: good: {names}")


def _pipelines_in(file: Path, *, exit_code: int) -> "Pipelines":
    """The pipelines of a file. Raises Exit, with every mistake on standard error."""
    from bot.pipeline.load import BadPipelineFile, load

    try:
        return load(file.read_text(encoding="utf-8"), str(file))
    except OSError as error:
        remedy = "name the pipeline file, .github/release-bot.yml for instance"
        mistakes = [f"{file}: the file cannot be read: {error.strerror}; {remedy}"]
    except UnicodeDecodeError:
        mistakes = [f"{file}:1:1: the file is not UTF-8 text"]
    except BadPipelineFile as error:
        mistakes = [str(mistake) for mistake in error.mistakes]
    for mistake in mistakes:
        typer.echo(mistake, err=True)
    raise typer.Exit(exit_code)


@app.command("explain-log")
def explain_log(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Logs of failed jobs; - is standard input.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object for each file: file, cause, rule, line, why.")
    ] = False,
    job: Annotated[str, typer.Option(help="The name of the failed job.")] = "",
    step: Annotated[str, typer.Option(help="The name of its failed step.")] = "",
    conclusion: Annotated[
        str, typer.Option(help="How the job ended: failure, cancelled or timed_out for instance.")
    ] = "failure",
    pipeline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A pipeline file, whose `failures` come before the shipped rules."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Which pipeline of that file, if they have different `failures`.")
    ] = None,
) -> None:
    """Say why jobs failed, as the bot would judge it: which rule fires on a log, on which line, and why.

    Exit code 2 when a file cannot be read, and the others are explained all
    the same; or when the pipeline file is bad.
    """
    from bot.explain import CONCLUSIONS, Job, explain

    if conclusion not in CONCLUSIONS:
        raise _refusal(f"--conclusion: '{conclusion}' must be one of {', '.join(CONCLUSIONS)}")
    rules = _rules_by(pipeline, name)
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
        explained = explain(file, tail, told, rules)
        text = explained.as_json() if as_json else explained.as_text()
        typer.echo(text.encode("utf-8", "replace"))
    if unreadable:
        raise typer.Exit(2)


def _rules_by(file: Path | None, name: str | None) -> "tuple[Rule, ...]":
    """The rules that judge for a pipeline, or for none. Raises Exit when it cannot be told which."""
    from bot.core.suggest import quoted
    from bot.pipeline.rules import rules_of

    if file is None:
        if name is not None:
            raise _refusal("--name: tell the file with --pipeline FILE")
        return rules_of(())
    pipelines = _pipelines_in(file, exit_code=2)
    choices = ", ".join(pipelines.names)
    if name is not None:
        chosen = pipelines.find(name)
        if chosen is None:
            raise _refusal(f"--name: there is no pipeline {quoted(name)} in {file}; there are {choices}")
        return rules_of(chosen.failures)
    rules, *others = dict.fromkeys(pipeline.failures for pipeline in pipelines)
    if others:
        raise _refusal(
            f"{file}: its pipelines have different `failures`: choose one with --name, out of {choices}"
        )
    return rules_of(rules)


def _tail_of(file: str) -> "Tail":
    from bot.explain import read_tail

    if file == "-":
        return read_tail(typer.get_binary_stream("stdin"))
    with Path(file).open("rb") as stream:
        return read_tail(stream)


@app.command()
def flakes(
    days: Annotated[
        int, typer.Option(min=1, max=MOST_DAYS, help="How far to look back; 90 days are remembered.")
    ] = 30,
    repo: Annotated[str, typer.Option(metavar="OWNER/NAME", help="Of one repository only.")] = "",
    line: Annotated[str, typer.Option(help="Of one line only: a series such as 1.0, or a branch.")] = "",
    markdown: Annotated[
        bool, typer.Option("--markdown", help="A report to paste, what cost most first.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each flake.")] = False,
) -> None:
    """List what failed and then passed on the same commit: how often, when last, and the minutes lost.

    Reads the database that DATABASE_URL names, by way of the server while one
    owns the file; no other setting is needed.

    It names private repositories: it is for operators.
    """
    from bot.core import present
    from bot.core.ledger import line_of
    from bot.operators.caller import ServerRefused
    from bot.operators.words import FlakesAsked
    from bot.settings import REPOSITORY
    from bot.store import StoreRefused, StoreUnavailable

    if repo and not re.fullmatch(REPOSITORY, repo):
        raise _refusal(f"--repo: {ascii(repo)[:80]} must be OWNER/NAME")
    if markdown and as_json:
        raise _refusal("--json, --markdown: choose one of them")
    now = datetime.now(UTC)
    asked = FlakesAsked(since=now - timedelta(days=days), repo=repo or None)
    try:
        known = asyncio.run(_known_flakes(_database(), asked))
    except ServerRefused as error:
        raise _refusal(str(error)) from None
    except (StoreRefused, StoreUnavailable) as error:
        raise _refusal(f"DATABASE_URL: {str(error).removeprefix('DATABASE_URL: ')}") from None
    shown = [flake for flake in known if not line or flake.line == line_of(line)]
    about = ", ".join(filter(None, (repo, line and f"line {line_of(line)}"))) or None
    if as_json:
        text = "".join(f"{present.flake_json(flake)}\n" for flake in shown)
    elif markdown:
        text = present.flakes_report(shown, days=days, until=now, about=about) + "\n"
    else:
        text = present.flakes_text(shown, days=days, about=about) + "\n"
    typer.echo(text.encode("utf-8", "replace"), nl=False)


async def _known_flakes(database: "Database", asked: "FlakesAsked") -> "tuple[Flake, ...]":
    """From the server that owns the file; where none does, from the database itself."""
    from bot.operators.caller import ask
    from bot.operators.words import socket_of
    from bot.settings import SqliteFile
    from bot.store import StoreInUse, StoreRefused

    if not isinstance(database, SqliteFile):
        return await _read_flakes(database, asked)
    if not database.path.exists():
        raise StoreRefused(f"there is no database at {database.path}: name the one that the server uses")
    place = socket_of(database.path)
    told = await ask(place, asked)
    if told is not None:
        return told
    try:
        return await _read_flakes(database, asked)
    except StoreInUse as error:
        told = await ask(place, asked)  # a server may just have started
        if told is not None:
            return told
        raise StoreRefused(
            f"{error.problem}, and no server answers at {place}: if the other one is a server, its log says why "
            "there is no socket; stop it, or name another file."
        ) from error


async def _read_flakes(database: "Database", asked: "FlakesAsked") -> "tuple[Flake, ...]":
    from bot.operators.answering import flakes_of
    from bot.settings import database_url
    from bot.store import open_ledger

    async with open_ledger(database_url(database)) as ledger:
        return await flakes_of(ledger, asked)


def _database() -> "Database":
    """The one setting that such a command needs, from where `serve` has it."""
    from bot.settings import BadSettings, Settings, read_database, variables_of

    folder = Path.cwd()
    try:
        text = variables_of(os.environ, folder).get("DATABASE_URL")
        return read_database(text or str(Settings.model_fields["database"].default), folder=folder)
    except BadSettings as error:
        raise _refusal(*error.problems) from None
    except ValueError as error:
        raise _refusal(f"DATABASE_URL: {error}") from None


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

    FROM and TO are written as in DATABASE_URL; a password may also come from
    PGPASSWORD or ~/.pgpass.

    All or nothing is copied; exit code 2 when it is nothing.
    """
    from bot import store
    from bot.settings import database_url, read_database

    urls = []
    for name, text in (("FROM", source), ("TO", target)):
        try:
            urls.append(database_url(read_database(text, folder=Path.cwd())))
        except ValueError as error:
            raise _refusal(f"{name}: {error}") from None
    try:
        copied = asyncio.run(store.copy_database(*urls))
    except store.StoreRefused as error:
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
    """The console script.

    From here on who asks `serve` to end gets its 0, first by leaving at once, as nothing is open yet. Nothing can be
    done about a signal that comes before, while Python itself starts and has run no line of ours.
    """
    if sys.argv[1:2] == ["serve"]:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _leave)
    app()


def _leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the system's signature
    os._exit(0)
