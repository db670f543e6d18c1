"""``replay``: journals and captures into a database, again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from orderflow_recorder.app.admin import configure_logs, running_database
from orderflow_recorder.app.settings import load_settings

if TYPE_CHECKING:
    from orderflow_recorder.app.replay import Replayed


def replay(
    paths: Annotated[
        list[Path], typer.Argument(help="Journal folders, segment files or captures.", show_default=False)
    ],
    *,
    db_url: Annotated[str, typer.Option(help="Instead of DB_URL.", show_default=False)] = "",
) -> None:
    """Load journals or captures into the database; rows that are there already stay as they are."""
    from orderflow_recorder.app.replay import replay as load  # noqa: PLC0415  # numpy, with which blocks are parsed, takes its time
    from orderflow_recorder.app.replay import size_of  # noqa: PLC0415  # same

    settings = load_settings(db_url=db_url) if db_url else load_settings()
    configure_logs(settings, "replay")
    sizes = {path: size_of(path) for path in paths}
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with running_database(settings) as url, Progress(*columns, console=Console(stderr=True)) as progress:
        bars = {path: progress.add_task(path.name, total=size) for path, size in sizes.items()}

        def observe(path: Path, left: int) -> None:
            progress.update(bars[path], completed=max(0, sizes[path] - left))

        done = load(settings, url, list(sizes), observe)
        for path, bar in bars.items():
            progress.update(bar, completed=sizes[path])
    Console().print(_table(done))


def _table(done: "list[Replayed]") -> Table:
    table = Table(Column("path", overflow="fold"), title="replayed")
    for name in ("rows inserted", "duplicates", "unparsable", "refused"):
        table.add_column(name, justify="right")
    for one in done:
        figures = one.figures
        counts = (figures.rows, figures.duplicates, figures.unparsable, figures.rejected)
        table.add_row(str(one.path), *(f"{count:,}" for count in counts))
    return table
