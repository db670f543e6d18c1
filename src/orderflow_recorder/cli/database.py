"""``db``: schema and address of the database."""

import typer

from orderflow_recorder.app.admin import address, check_schema, configure_logs, upgrade_schema
from orderflow_recorder.app.settings import Settings, load_settings

app = typer.Typer(help="Upgrade or check the schema; print how to connect.", no_args_is_help=True)


def _settings() -> Settings:
    settings = load_settings()
    configure_logs(settings, "db")
    return settings


@app.command()
def upgrade() -> None:
    """Bring the schema to this version's; safe to run again."""
    typer.echo(upgrade_schema(_settings()))


@app.command()
def check() -> None:
    """Say whether the schema is this version's; exit code 1 if it is not."""
    text, current = check_schema(_settings())
    typer.echo(text)
    if not current:
        raise typer.Exit(1)


@app.command()
def url() -> None:
    """Print the database's URL; the embedded server is started if it does not run."""
    found = address(_settings())
    typer.echo(found.url)
    for line in found.hints:
        typer.echo(line, err=True)
