"""`python -m bot.cli`: what scripts/run calls, and the commands of an operator."""

import argparse
import gc
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from pydantic import ValidationError
from rich.console import Console

from bot.errors import SwitchboardError
from bot.operations.installation import CannotRun, Installation, Ports, check_ports, free_ports, installation
from kb_index.settings import ROOT, explain


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return arguments.command(arguments)
    except CannotRun as problem:
        print(f"\nSwitchboard can't go on: {problem}", file=sys.stderr)
        return 1
    except ValidationError as problem:
        print(explain(problem), file=sys.stderr)
        return 1
    except SwitchboardError as problem:
        print(problem.message, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/run", description="Runs Switchboard.")
    parser.set_defaults(command=_run)
    commands = parser.add_subparsers(title="commands")
    run = commands.add_parser("run", help="prepare and start everything")
    run.set_defaults(command=_run)
    run.add_argument("--smoke", action="store_true", help="play one customer story on a throw-away copy, then stop")
    run.add_argument("--port", type=_port, default=8000, help="the port of the web service (8000)")
    run.add_argument("--engine-port", type=_port, default=5005, help="the port of the engine, on loopback (5005)")
    run.add_argument("--actions-port", type=_port, default=5055, help="the port of the action server (5055)")
    run.add_argument("--data", type=Path, default=ROOT / "var", help="where database, secrets and logs lie (var)")
    web = commands.add_parser("web", help="the web service alone; settings from the environment")
    web.set_defaults(command=_web)
    mail = commands.add_parser("mail", help="take replies by e-mail; settings from the environment")
    mail.set_defaults(command=_mail)
    model = commands.add_parser("model", help="train the dialogue model, unless its inputs are unchanged")
    model.set_defaults(command=_model)
    account = commands.add_parser("account", help="create an account, or give it a new password")
    account.add_argument("email")
    account.add_argument("name")
    account.add_argument("role", choices=["agent", "writer", "operator"])
    account.set_defaults(command=_account)
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return port


def _run(arguments: argparse.Namespace) -> int:
    # Imported here: `web` should not wait for what only the supervisor needs.
    from bot.operations.prepare import prepare

    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, _interrupt)
    # A shell starts what it puts into the background deaf to Ctrl-C, and Python leaves it so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if arguments.smoke:
        return _smoke(console)
    ports = Ports(arguments.port, arguments.engine_port, arguments.actions_port)
    place = installation(arguments.data.resolve(), ports)
    check_ports(place.env["SWITCHBOARD_HOST"], ports)
    console.print("[bold]Switchboard[/bold]")
    sign_ins = prepare(place, console)
    return _serve(place, console, sign_ins)


def _serve(place: Installation, console: Console, sign_ins: list[tuple[str, str, str]]) -> int:
    from bot.operations.supervise import Supervisor

    supervisor = Supervisor(place, console)
    with supervisor.running():
        if place.demo:
            console.print(f"\n  Shop with the widget   [bold]{place.url}/[/bold]")
        else:
            console.print(f"\n  Help pages with chat   [bold]{place.url}/help[/bold]")
        console.print(f"  Desk for agents        {place.url}/desk")
        console.print(f"  Studio for writers     {place.url}/studio")
        console.print(f"  Answers, explained     {place.url}/operator/answers")
        for role, email, password in sign_ins:
            console.print(f"    {role:<9} {email:<22} {password}")
        console.print(f"  Logs and database      {place.folder}\n\n  Ctrl-C stops everything.")
        try:
            supervisor.wait()
        except KeyboardInterrupt:
            console.print("\nStopping …")
    console.print("Stopped.")
    return 0


def _smoke(console: Console) -> int:
    from bot.operations.prepare import prepare
    from bot.operations.smoke import play
    from bot.operations.supervise import Supervisor

    with tempfile.TemporaryDirectory(prefix="switchboard-smoke-") as folder:
        place = installation(
            Path(folder),
            free_ports(),
            SWITCHBOARD_DATABASE_URL=f"sqlite:///{folder}/switchboard.db",
            SWITCHBOARD_HOST="127.0.0.1",
            SWITCHBOARD_DEMO="true",
        )
        place.env["SWITCHBOARD_PUBLIC_URL"] = f"http://127.0.0.1:{place.ports.web}"
        console.print("[bold]Switchboard, smoke test[/bold]")
        sign_ins = prepare(place, console)
        with Supervisor(place, console).running():
            return play(place, sign_ins, console)


def _web(arguments: argparse.Namespace) -> int:
    from bot import logs
    from bot.app import create_app
    from bot.serving import serve
    from bot.settings import Settings

    settings = Settings()
    logs.configure(settings.log_level, settings.log_json)
    app = create_app(settings)
    # What is loaded by now stays, and need not be walked at every garbage collection.
    gc.collect()
    gc.freeze()
    serve(app, settings.host, settings.port, settings.trusted_proxies)
    return 0


def _mail(arguments: argparse.Namespace) -> int:
    import asyncio

    from bot import logs
    from bot.db import Database
    from bot.events import create_hub
    from bot.mail.addresses import identity
    from bot.mail.receiving import serve
    from bot.settings import Settings

    settings = Settings()
    if not settings.offers_email:
        raise CannotRun("e-mail needs SWITCHBOARD_SMTP_URL, SWITCHBOARD_MAIL_FROM and SWITCHBOARD_MAIL_LISTEN.")
    logs.configure(settings.log_level, settings.log_json)
    database = Database(settings.database_url, create_hub(settings.redis_url))
    asyncio.run(serve(database, identity(settings), settings.mail_listen))
    return 0


def _model(arguments: argparse.Namespace) -> int:
    from bot.operations.training import train

    print(f"dialogue model: {train(installation(ROOT / 'var', free_ports(), SWITCHBOARD_DEMO='true'))}")
    return 0


def _account(arguments: argparse.Namespace) -> int:
    import getpass

    from bot.accounts.services import create_first_accounts
    from kb_index.settings import KnowledgeSettings

    password = getpass.getpass("Password: ")
    create_first_accounts(
        KnowledgeSettings().database_url, [(arguments.email, arguments.name, arguments.role, password)]
    )
    print(f"{arguments.email} can sign in as {arguments.role}.")
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
