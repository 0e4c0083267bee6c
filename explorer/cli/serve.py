"""``filterfront serve``."""

import click

from explorer.cli.common import handles_errors

__all__ = ["serve"]


@click.command()
@click.option("--storage", required=True, help="The database, by its URL.")
@click.option("--host", default="localhost", show_default=True, help="Name or address that it listens on.")
@click.option("--port", type=click.IntRange(1, 65535), default=13000, show_default=True, help="Its port.")
@handles_errors
def serve(storage: str, host: str, port: int) -> None:
    """Serve a database to searches and workers that name this process, by Optuna's gRPC storage proxy.

    The database then has the connections of one process, whatever the number of workers. Whoever reaches the port may
    read and write its studies: there is no password. Ctrl-C ends it; what was written stays.

    \b
    filterfront serve --storage postgresql://me@localhost/searches --host 0.0.0.0
    filterfront search --storage grpc://db.example.org:13000 --out runs/front
    filterfront worker front --storage grpc://db.example.org:13000 --workers 8
    """
    from explorer.search.study_storage import opened
    from explorer.system.errors import ConfigError
    from searches.passwords import masked
    from searches.proxy import SCHEME
    from searches.proxy import serve as serve_database

    if "://" not in storage or storage.startswith(f"{SCHEME}://"):
        rule = "what is served is a database, which a URL names"
        raise ConfigError(rule, masked(storage), "give for example postgresql://me@localhost/searches")
    with opened(storage) as database:
        click.echo(f"serving {masked(storage)} at {SCHEME}://{host}:{port}; Ctrl-C ends it")
        serve_database(database, host, port)
