"""The program ``orderflow-recorder``: its commands, and what its errors look like."""

import sys
import traceback
from typing import Annotated

import typer
from rich.console import Console

from orderflow_recorder import __version__
from orderflow_recorder.app.recorder import Half
from orderflow_recorder.app.recorder import run as record
from orderflow_recorder.app.settings import load_settings, wants_tracebacks
from orderflow_recorder.app.supervisor import EXIT_FAILED, EXIT_USAGE
from orderflow_recorder.cli import (
    book,
    candles,
    coverage,
    database,
    demo,
    export,
    gaps,
    heal,
    plot,
    replay,
    serve,
    simulate,
    status,
    verify,
)
from orderflow_recorder.domain.errors import OrderflowError, SettingsError

EXAMPLES = """
[bold]Examples[/bold]

[cyan]orderflow-recorder demo[/cyan] · try it: 30 s of a simulated market, no network needed

[cyan]orderflow-recorder[/cyan] · record BTCUSDT and ETHUSDT of both markets into a Postgres of its own

[cyan]SYMBOLS_SPOT= SYMBOLS_FUTURES='*' orderflow-recorder run[/cyan] · every futures symbol, no spot

[cyan]DB_URL=postgresql://me:secret@host/db orderflow-recorder run[/cyan] · into a database of your own

[cyan]orderflow-recorder serve[/cyan] · watch it: a web page and an API

[cyan]psql "$(orderflow-recorder db url)"[/cyan] · look at the data

Settings are environment variables or lines of ./.env; .env.example explains each.
Exit codes: 0 done, 1 failed, 2 wrong usage or settings.
"""

app = typer.Typer(
    name="orderflow-recorder",
    help="Record the public order flow of Binance Spot and USD-M futures into Postgres/TimescaleDB.",
    epilog=EXAMPLES,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate)
app.add_typer(database.app, name="db")
app.command("status")(status.status)
app.command("gaps", epilog=gaps.EXAMPLES)(gaps.gaps)
app.command("coverage", epilog=coverage.EXAMPLES)(coverage.coverage)
app.command("book", epilog=book.EXAMPLES)(book.book)
app.command("verify", epilog=verify.EXAMPLES)(verify.verify)
app.command("heal", epilog=heal.EXAMPLES)(heal.heal)
app.command("candles", epilog=candles.EXAMPLES)(candles.candles)
app.command("export", epilog=export.EXAMPLES)(export.export)
app.command("plot", epilog=plot.EXAMPLES)(plot.plot)
app.command("replay")(replay.replay)
app.command("serve", epilog=serve.EXAMPLES)(serve.serve)


def _print_version(value: bool) -> None:  # noqa: FBT001  # the signature of a typer callback
    if value:
        typer.echo(f"orderflow-recorder {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def default(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001  # its callback does the work
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Record the public order flow of Binance Spot and USD-M futures into Postgres/TimescaleDB."""
    if context.invoked_subcommand is None:
        raise typer.Exit(record(load_settings()))


@app.command()
def run(
    only: Annotated[
        Half | None, typer.Option(help="Run one half on this machine; the other finds it by JOURNAL_URL.")
    ] = None,
) -> None:
    """Record until SIGTERM or Ctrl-C. This is what happens without a command, too."""
    raise typer.Exit(record(load_settings(), only))


def main() -> None:
    """Run the program; errors are one line each, without a traceback unless LOG_LEVEL=DEBUG."""
    try:
        app()
    except SettingsError as error:
        _fail(error, EXIT_USAGE)
    except OrderflowError as error:
        _fail(error, EXIT_FAILED)
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(EXIT_FAILED)
    except BrokenPipeError:
        # The reader of our output has gone, e.g. `| head`: nothing more to say, and nobody to say it to.
        sys.stderr.close()
        sys.exit(EXIT_FAILED)
    except Exception as error:  # noqa: BLE001  # whatever happens, people get a line they can report
        _fail(error, EXIT_FAILED, prefix=f"unexpected {type(error).__name__}: ")


def _fail(error: Exception, code: int, prefix: str = "") -> None:
    if wants_tracebacks():
        traceback.print_exception(error)
    for line in str(error).splitlines() or [type(error).__name__]:
        _say(f"error: {prefix}{line}")
    sys.exit(code)


def _say(line: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(line, markup=False)
