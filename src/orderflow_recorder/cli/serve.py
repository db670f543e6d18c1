"""``serve``: the API and the page."""

from typing import Annotated, Final

import typer

from orderflow_recorder.app.settings import load_settings

EXAMPLES: Final = """
[bold]Examples[/bold]

[cyan]orderflow-recorder serve[/cyan] · for this machine alone: http://127.0.0.1:8000/ is the page

[cyan]API_KEY=$(openssl rand -hex 24) orderflow-recorder serve --host 0.0.0.0[/cyan] · for everybody with the key

[cyan]curl -H "X-API-Key: $API_KEY" "http://localhost:8000/api/v1/candles?market=spot&symbol=BTCUSDT&date=2026-01-31"[/cyan]

docs/api.md has every path; /openapi.json describes them to programs.
"""


def serve(
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; 0.0.0.0: every one of this machine.", show_default="API_HOST"),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0: any free one.", min=0, max=65535, show_default="API_PORT")
    ] = None,
) -> None:
    """Serve the API, the WebSocket and the web page until SIGTERM or Ctrl-C, beside a recorder or without one."""
    from orderflow_recorder.app.serve import serve as run  # noqa: PLC0415  # no other command needs all of that

    settings = load_settings()
    run(settings, host=settings.api_host if host is None else host, port=settings.api_port if port is None else port)
