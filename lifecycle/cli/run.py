"""`lifecycle run`, `worker`, `scheduler` and `web`: the same parts, together or apart."""

from __future__ import annotations

import gc
import logging
from dataclasses import replace

import click

from lifecycle.cli.output import note
from lifecycle.cli.session import Session, pass_session
from lifecycle.wiring import Engine


def _serve(session: Session, *, web: bool, scheduler: bool, workers: bool, port: int | None = None) -> None:
    from lifecycle.base.signals import Signals
    from lifecycle.runtime import Runtime

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    signals = Signals()  # before anything starts, so that a stop during the start is a stop too
    engine = session.engine()
    if port is not None:
        engine = Engine(replace(engine.settings, port=port), engine.clock)
    settings = engine.settings
    with Runtime(engine, web=web, scheduler=scheduler, workers=workers) as runtime:
        note(f"database  {engine.store.engine.url.render_as_string(hide_password=True)}")
        if workers:
            carriers = ", ".join(settings.carriers())
            note(f"mails     {f'by {carriers}' if carriers else f'into {settings.mail_folder}'}")
        if runtime.server is not None:
            note(f"web       {runtime.server.url}")
        # what stands now stands as long as this process, and a mail leaves few cycles: the collector looks more seldom
        gc.freeze()
        gc.set_threshold(10_000, 10, 10)
        note("Ctrl-C ends it; what is under way is finished first")
        signals.wait()
        note("stopping …")


@click.command(epilog="Example:  lifecycle run --port 8000")
@click.option("--port", type=click.IntRange(0, 65535), help="The web server's port; 0 takes a free one.")
@pass_session
def run_command(session: Session, port: int | None) -> None:
    """Run web, scheduler and workers in one process.

    Follows the version in force; at the very first start the files are put into force. Ends at Ctrl-C or SIGTERM.
    """
    _serve(session, web=True, scheduler=True, workers=True, port=port)


@click.command(epilog="Example:  LIFECYCLE_BROKER_URL=redis://localhost:6379/0 lifecycle worker")
@pass_session
def worker_command(session: Session) -> None:
    """Run workers only.

    Needs LIFECYCLE_BROKER_URL, and a scheduler somewhere. Any number may run.
    """
    _serve(session, web=False, scheduler=False, workers=True)


@click.command(epilog="Example:  LIFECYCLE_BROKER_URL=redis://localhost:6379/0 lifecycle scheduler")
@pass_session
def scheduler_command(session: Session) -> None:
    """Run the scheduler only.

    Needs LIFECYCLE_BROKER_URL. Two schedulers do no more harm than one.
    """
    _serve(session, web=False, scheduler=True, workers=False)


@click.command(epilog="Example:  lifecycle web --port 8000")
@click.option("--port", type=click.IntRange(0, 65535), help="The port; 0 takes a free one.")
@pass_session
def web_command(session: Session, port: int | None) -> None:
    """Run the web server only.

    Intake, tracking, unsubscribe and preference pages, the dashboard. Any number may run.
    """
    _serve(session, web=True, scheduler=False, workers=False, port=port)
