"""``minut-sandbox``: serve a Minut API on loopback until interrupted."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import textwrap

from airflow_provider_minut.sandbox.choices import SANDBOX_CHOICES

INSTALL_HINT = "The sandbox needs its extra: pip install 'airflow-provider-minut[sandbox]'"
SECRET_VARIABLE = "MINUT_SANDBOX_CLIENT_SECRET"  # noqa: S105 - a name


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = _parser().parse_args(argv)
    try:
        import uvicorn

        from airflow_provider_minut.sandbox.running import LOOPBACK, connection_json, server_config
        from airflow_provider_minut.sandbox.server import BASE_PATH
        from airflow_provider_minut.sandbox.state import SandboxConfig, SandboxState
    except ImportError:
        print(INSTALL_HINT, file=sys.stderr)
        return 2
    known = {"client_id": args.client_id, "client_secret": os.environ.get(SECRET_VARIABLE)}
    config = SandboxConfig(
        token_lifetime=args.token_lifetime,
        rate_limit=not args.no_rate_limit,
        **{name: value for name, value in known.items() if value},
    )
    try:
        listener = socket.create_server((LOOPBACK, args.port))
    except OSError as error:
        reason = f"Port {args.port} cannot be used ({os.strerror(error.errno or 0)})"
        print(f"{reason}; choose another with --port.", file=sys.stderr)
        return 1
    origin = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    connection = connection_json(origin + BASE_PATH, config.client_id, config.client_secret)
    limits = "as documented" if config.rate_limit else "off"
    print(
        f"Minut sandbox at {origin}{BASE_PATH} "
        f"(tokens live {config.token_lifetime:g} s, rate limit {limits}). Point Airflow at it with\n\n"
        f"  export AIRFLOW_CONN_MINUT_DEFAULT='{connection}'\n\n"
        f"See what it was asked with  curl {origin}/_sandbox/stats\nCtrl-C stops it.",
        flush=True,
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after a clean shutdown
        uvicorn.Server(server_config(SandboxState(config))).run(sockets=[listener])
    return 0


def _parser() -> argparse.ArgumentParser:
    bullets = textwrap.TextWrapper(100, initial_indent="  * ", subsequent_indent="    ")
    choices = "\n".join(bullets.fill(choice) for choice in SANDBOX_CHOICES)
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
    return parser


if __name__ == "__main__":
    sys.exit(main())
