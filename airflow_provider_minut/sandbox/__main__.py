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
    ("--homes", int, 2, "number of homes"),
    ("--devices", int, 3, "number of devices, in all homes together"),
    ("--seed", int, 0, "random seed; the same seed gives the same fleet, noisy periods and values"),
    ("--noisy-periods-per-day", float, 0.5, "noisy periods per home and day, each with two events"),
    ("--late-share", float, 0.05, "share of events and check-ins that reach the backend late, at most 0.9"),
    ("--silent-share", float, 0.0, "share of devices that have not checked in for three days"),
    (
        "--fault-rate",
        float,
        0.0,
        "share of requests that fail: 429, 502, 504, connection reset, cut-off body",
    ),
)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
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
    credentials = {"client_id": args.client_id, "client_secret": os.environ.get(SECRET_VARIABLE)}
    config = SandboxConfig(
        token_lifetime=args.token_lifetime,
        rate_limit=not args.no_rate_limit,
        sparse=args.sparse,
        deliveries=DeliveryStyle(
            header=args.signature_header, algorithm=args.signature_algorithm, bare=args.bare_events
        ),
        **{name: getattr(args, name) for name in LIMITS},
        **{name: value for name, value in credentials.items() if value},
    )
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
    from airflow_provider_minut.sandbox.server.control import request_event

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
    code, text = request_event(args.url.rstrip("/"), body)
    print(text, file=sys.stderr if code else sys.stdout)
    return code


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = _parser()
    args = parser.parse_args(argv)
    if not 0 <= args.port <= 65_535:
        parser.error(f"argument --port: must be from 0 to 65535: {args.port}")
    if not 0 < args.token_lifetime < math.inf:  # false for nan, too
        parser.error(f"argument --token-lifetime: must be a number of seconds above 0: {args.token_lifetime}")
    for name in LIMITS:
        if problem := problem_with(name, getattr(args, name)):
            parser.error(f"argument --{name.replace('_', '-')}: {problem}")
    return args


def _parser() -> argparse.ArgumentParser:
    bullets = textwrap.TextWrapper(100, initial_indent="  * ", subsequent_indent="    ")
    assumptions = "\n".join(bullets.fill(assumption) for assumption in ASSUMPTIONS)
    parser = argparse.ArgumentParser(
        prog="minut-sandbox",
        description="Serve a Minut API on 127.0.0.1, to try out and test the provider without an account.",
        epilog=f"Assumptions, where Minut's public documentation is silent:\n{assumptions}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8787, help="0 for any free port (default: %(default)s)")
    parser.add_argument(
        "--client-id",
        help=f"client ID (default: random); set the client secret in {SECRET_VARIABLE} (default: random)",
    )
    help_ = "seconds until an access token expires (default: %(default)s, as at Minut)"
    parser.add_argument("--token-lifetime", type=float, default=3600, help=help_)
    parser.add_argument("--no-rate-limit", action="store_true", help="neither delay nor reject requests")
    for name, kind, default, help_ in _FLEET_OPTIONS:
        parser.add_argument(name, type=kind, default=default, help=f"{help_} (default: %(default)s)")
    help_ = "omit every field that may be missing"
    parser.add_argument("--sparse", action="store_true", help=help_)
    help_ = "header of a webhook delivery that has the signature (default: %(default)s)"
    parser.add_argument("--signature-header", default="X-Minut-Signature", help=help_)
    help_ = "hash algorithm of the HMAC over a delivery's body (default: %(default)s)"
    parser.add_argument("--signature-algorithm", choices=("sha256", "sha1"), default="sha256", help=help_)
    help_ = "deliver events without an envelope"
    parser.add_argument("--bare-events", action="store_true", help=help_)
    _add_emit(parser.add_subparsers(dest="command", metavar="emit"))
    return parser


def _add_emit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "Emit an event in a running sandbox, and deliver it to the webhooks that subscribe to it."
    emit = commands.add_parser("emit", help="emit an event in a running sandbox", description=text)
    emit.add_argument("event_type", help="event type, for example noise_detected or battery_low")
    emit.add_argument("--home", required=True, help="ID of the home; GET /homes lists them")
    emit.add_argument("--device", help="ID of the device that reports the event")
    help_ = "seconds since the event occurred (default: %(default)s)"
    emit.add_argument("--late", type=float, default=0, help=help_)
    help_ = "seconds until it is delivered, so that later events can overtake it (default: %(default)s)"
    emit.add_argument("--delay", type=float, default=0, help=help_)
    emit.add_argument("--copies", type=int, default=1, help="number of deliveries (default: %(default)s)")
    emit.add_argument("--unsigned", action="store_true", help="deliver it with a wrong signature")
    help_ = "URL of the sandbox (default: %(default)s)"
    emit.add_argument("--url", default="http://127.0.0.1:8787", help=help_)


if __name__ == "__main__":
    sys.exit(main())
