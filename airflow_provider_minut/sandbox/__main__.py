"""``minut-sandbox``: serve a Minut API on loopback until interrupted."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import textwrap
from types import FrameType

from airflow_provider_minut.sandbox.assumptions import ASSUMPTIONS
from airflow_provider_minut.sandbox.config import CHOICES, NUMBERS, DeliveryStyle, SandboxConfig

MISSING_EXTRA = "The sandbox needs its extra: pip install 'airflow-provider-minut[sandbox]'"
SECRET_VARIABLE = "MINUT_SANDBOX_CLIENT_SECRET"  # noqa: S105 - the name of a variable, not its value


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.command == "emit":
        return _emit(args)
    try:
        config = _config(args)
    except ValueError as error:
        name, _, problem = str(error).partition(": ")
        parser.error(f"argument {_flag(name)}: {problem}")
    try:
        import uvicorn

        from airflow_provider_minut.sandbox.sandbox import LOOPBACK, connection_json, listen, server_config
        from airflow_provider_minut.sandbox.server.middleware import BASE_PATH
        from airflow_provider_minut.sandbox.server.state import SandboxState
    except ImportError:
        print(MISSING_EXTRA, file=sys.stderr)
        return 2
    try:
        listener = listen(args.port)
    except OSError as error:
        reason = f"Failed to listen on port {args.port} ({os.strerror(error.errno or 0)})"
        print(f"{reason}; set another port with --port.", file=sys.stderr)
        return 1
    origin = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    connection = connection_json(origin + BASE_PATH, config.client_id, config.client_secret)
    limits = "as documented" if config.rate_limit else "off"
    server = uvicorn.Server(server_config(SandboxState(config)))

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # Set before the first output and kept after the shutdown, because uvicorn re-raises the signal then.
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    print(
        f"Minut sandbox running at {origin}{BASE_PATH} "
        f"(token lifetime {config.token_lifetime:g} s, rate limit {limits}). Connect Airflow to it with\n\n"
        f"  export AIRFLOW_CONN_MINUT_DEFAULT={shlex.quote(connection)}\n\n"
        f"Show the request statistics with  curl {origin}/_sandbox/stats\nPress Ctrl-C to stop it.",
        flush=True,
    )
    server.run(sockets=[listener])
    return 0


def _emit(args: argparse.Namespace) -> int:
    from airflow_provider_minut.sandbox.server.control import NewEvent, request_event

    body = {name: getattr(args, name) for name in NewEvent.model_fields}
    code, text = request_event(args.url.rstrip("/"), body)
    print(text, file=sys.stderr if code else sys.stdout)
    return code


def _config(args: argparse.Namespace) -> SandboxConfig:
    if not 0 <= args.port <= 65_535:
        raise ValueError(f"port: must be from 0 to 65535: {args.port}")
    credentials = {"client_id": args.client_id, "client_secret": os.environ.get(SECRET_VARIABLE)}
    return SandboxConfig(
        rate_limit=not args.no_rate_limit,
        deliveries=DeliveryStyle(
            header=args.signature_header, algorithm=args.signature_algorithm, bare=args.bare_events
        ),
        **{option.name: getattr(args, option.name) for option in NUMBERS + CHOICES},
        **{name: value for name, value in credentials.items() if value},
    )


def _parser() -> argparse.ArgumentParser:
    bullets = textwrap.TextWrapper(100, initial_indent="  * ", subsequent_indent="    ")
    assumptions = "\n".join(bullets.fill(f"[{known.mark}] {known.text}") for known in ASSUMPTIONS)
    parser = argparse.ArgumentParser(
        prog="minut-sandbox",
        description="Serve a Minut API on 127.0.0.1, to try out and test the provider without an account.",
        epilog=(
            "How each behaviour is known: documented by Minut, seen in a public client (with the version of\n"
            f"the API), or ours, a guess or a choice:\n{assumptions}"
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8787, help="0 for any free port (default: %(default)s)")
    parser.add_argument(
        "--client-id",
        help=f"client ID (default: random); set the client secret in {SECRET_VARIABLE} (default: random)",
    )
    parser.add_argument("--no-rate-limit", action="store_true", help="neither delay nor reject requests")
    for option in NUMBERS:
        default = option.default
        help_ = f"{option.metadata['help']} (default: {default:g})"
        parser.add_argument(_flag(option.name), type=type(default), default=default, help=help_)
    for option in CHOICES:
        help_, choices = f"{option.metadata['help']} (default: %(default)s)", option.metadata["choices"]
        parser.add_argument(_flag(option.name), choices=choices, default=option.default, help=help_)
    help_ = "header of a webhook delivery that has the signature (default: %(default)s)"
    parser.add_argument("--signature-header", default="X-Minut-Signature", help=help_)
    help_ = "hash algorithm of the HMAC over a delivery's body (default: %(default)s)"
    parser.add_argument("--signature-algorithm", choices=("sha256", "sha1"), default="sha256", help=help_)
    help_ = "deliver events without an envelope"
    parser.add_argument("--bare-events", action="store_true", help=help_)
    _add_emit(parser.add_subparsers(dest="command", metavar="emit"))
    return parser


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _add_emit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "Emit an event in a running sandbox, and deliver it to the webhooks that subscribe to it."
    emit = commands.add_parser("emit", help="emit an event in a running sandbox", description=text)
    emit.add_argument(
        "type", metavar="event_type", help="event type, for example noise_detected or battery_low"
    )
    emit.add_argument("--home", dest="home_id", required=True, help="ID of the home; GET /homes lists them")
    emit.add_argument("--device", dest="device_id", help="ID of the device that reports the event")
    help_ = "seconds since the event occurred (default: %(default)s)"
    emit.add_argument("--late", type=float, default=0, help=help_)
    help_ = "seconds until it is delivered, so that later events can overtake it (default: %(default)s)"
    emit.add_argument("--delay", type=float, default=0, help=help_)
    emit.add_argument("--copies", type=int, default=1, help="number of deliveries (default: %(default)s)")
    help_ = "deliver it with a wrong signature"
    emit.add_argument("--unsigned", dest="signed", action="store_false", help=help_)
    help_ = "URL of the sandbox (default: %(default)s)"
    emit.add_argument("--url", default="http://127.0.0.1:8787", help=help_)


if __name__ == "__main__":
    sys.exit(main())
