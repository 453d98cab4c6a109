"""``minut-sandbox``: serve a Minut API on loopback until interrupted."""

from __future__ import annotations

import argparse
import math
import os
import shlex
import signal
import sys
import textwrap
from types import FrameType

from airflow_provider_minut.sandbox.assumptions import ASSUMPTIONS
from airflow_provider_minut.sandbox.config import LIMITS, problem_with

MISSING_EXTRA = "The sandbox needs its extra: pip install 'airflow-provider-minut[sandbox]'"
SECRET_VARIABLE = "MINUT_SANDBOX_CLIENT_SECRET"  # noqa: S105 - a name

_FLEET_OPTIONS: tuple[tuple[str, type[int] | type[float], float, str], ...] = (
    ("--homes", int, 2, "how many homes there are"),
    ("--devices", int, 3, "how many devices there are, in all homes together"),
    ("--seed", int, 0, "the same seed gives the same fleet, noisy periods and values"),
    ("--noisy-periods-per-day", float, 0.5, "noisy periods per home and day, each with two events"),
    ("--late-share", float, 0.05, "share of events and check-ins that reach the backend late, to 0.9"),
    ("--silent-share", float, 0.0, "share of devices that have not checked in for three days"),
    ("--fault-rate", float, 0.0, "share of requests that fail: 429, 502, 504, connection reset, cut body"),
)


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = _arguments(argv)
    if args.command == "emit":
        return _emit(args)
    try:
        import uvicorn

        from airflow_provider_minut.sandbox.config import DeliveryStyle, SandboxConfig
        from airflow_provider_minut.sandbox.sandbox import LOOPBACK, connection_json, listen, server_config
        from airflow_provider_minut.sandbox.server.middleware import BASE_PATH
        from airflow_provider_minut.sandbox.server.state import SandboxState
    except ImportError:
        print(MISSING_EXTRA, file=sys.stderr)
        return 2
    known = {"client_id": args.client_id, "client_secret": os.environ.get(SECRET_VARIABLE)}
    config = SandboxConfig(
        token_lifetime=args.token_lifetime,
        rate_limit=not args.no_rate_limit,
        sparse=args.sparse,
        deliveries=DeliveryStyle(
            header=args.signature_header, algorithm=args.signature_algorithm, bare=args.bare_events
        ),
        **{name: getattr(args, name) for name in LIMITS},
        **{name: value for name, value in known.items() if value},
    )
    try:
        listener = listen(args.port)
    except OSError as error:
        reason = f"Port {args.port} cannot be used ({os.strerror(error.errno or 0)})"
        print(f"{reason}; choose another with --port.", file=sys.stderr)
        return 1
    origin = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    connection = connection_json(origin + BASE_PATH, config.client_id, config.client_secret)
    limits = "as documented" if config.rate_limit else "off"
    server = uvicorn.Server(server_config(SandboxState(config)))

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # From before the greeting until after the shutdown, at whose end uvicorn raises the signal again.
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    print(
        f"Minut sandbox at {origin}{BASE_PATH} "
        f"(tokens live {config.token_lifetime:g} s, rate limit {limits}). Point Airflow at it with\n\n"
        f"  export AIRFLOW_CONN_MINUT_DEFAULT={shlex.quote(connection)}\n\n"
        f"See what it was asked with  curl {origin}/_sandbox/stats\nCtrl-C stops it.",
        flush=True,
    )
    server.run(sockets=[listener])
    return 0


def _emit(args: argparse.Namespace) -> int:
    from airflow_provider_minut.sandbox.server.control import ask_to_emit

    body = {
        "type": args.event_type,
        "home_id": args.home,
        "late": args.late,
        "copies": args.copies,
        "delay": args.delay,
        "signed": not args.unsigned,
    }
    if args.device:
        body["device_id"] = args.device
    code, text = ask_to_emit(args.url.rstrip("/"), body)
    print(text, file=sys.stderr if code else sys.stdout)
    return code


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = _parser()
    args = parser.parse_args(argv)
    if not 0 <= args.port <= 65_535:
        parser.error(f"argument --port: not from 0 to 65535: {args.port}")
    if not 0 < args.token_lifetime < math.inf:  # no number (nan) is not in between either
        parser.error(f"argument --token-lifetime: not a number of seconds above 0: {args.token_lifetime}")
    for name in LIMITS:
        if problem := problem_with(name, getattr(args, name)):
            parser.error(f"argument --{name.replace('_', '-')}: {problem}")
    return args


def _parser() -> argparse.ArgumentParser:
    bullets = textwrap.TextWrapper(100, initial_indent="  * ", subsequent_indent="    ")
    choices = "\n".join(bullets.fill(choice) for choice in ASSUMPTIONS)
    parser = argparse.ArgumentParser(
        prog="minut-sandbox",
        description="Serve a Minut API on 127.0.0.1, to try and to test without an account.",
        epilog=f"Sandbox choices, where Minut's public documentation says nothing:\n{choices}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8787, help="0 takes any free one (default: %(default)s)")
    parser.add_argument(
        "--client-id",
        help=f"default: random; the secret is random too, or what the variable {SECRET_VARIABLE} holds",
    )
    help_ = "seconds until an access token expires (default: %(default)s, as Minut's)"
    parser.add_argument("--token-lifetime", type=float, default=3600, help=help_)
    parser.add_argument("--no-rate-limit", action="store_true", help="answer as fast as asked")
    for name, kind, default, help_ in _FLEET_OPTIONS:
        parser.add_argument(name, type=kind, default=default, help=f"{help_} (default: %(default)s)")
    help_ = "leave out every field that may be missing"
    parser.add_argument("--sparse", action="store_true", help=help_)
    help_ = "header of webhook deliveries that has the signature (default: %(default)s)"
    parser.add_argument("--signature-header", default="X-Minut-Signature", help=help_)
    help_ = "of the HMAC over a delivery's body (default: %(default)s)"
    parser.add_argument("--signature-algorithm", choices=("sha256", "sha1"), default="sha256", help=help_)
    help_ = "deliver events without an envelope"
    parser.add_argument("--bare-events", action="store_true", help=help_)
    _add_emit(parser.add_subparsers(dest="command", metavar="emit"))
    return parser


def _add_emit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "Let an event happen in a running sandbox, and deliver it to the webhooks that are for it."
    emit = commands.add_parser("emit", help="let an event happen in a running sandbox", description=text)
    emit.add_argument("event_type", help="like noise_detected or battery_low")
    emit.add_argument("--home", required=True, help="id of the home; GET /homes lists them")
    emit.add_argument("--device", help="id of the device it came from")
    help_ = "how many seconds ago it occurred (default: now)"
    emit.add_argument("--late", type=float, default=0, help=help_)
    help_ = "deliver it after so many seconds, and later ones before"
    emit.add_argument("--delay", type=float, default=0, help=help_)
    emit.add_argument("--copies", type=int, default=1, help="deliver it so often (default: once)")
    emit.add_argument("--unsigned", action="store_true", help="with a wrong signature")
    help_ = "of the sandbox (default: %(default)s)"
    emit.add_argument("--url", default="http://127.0.0.1:8787", help=help_)


if __name__ == "__main__":
    sys.exit(main())
