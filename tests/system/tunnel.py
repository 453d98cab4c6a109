"""The sandbox as https://api.minut.com, for who uses a proxy and trusts a certificate authority of ours."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading

import trustme
import uvicorn

from airflow_provider_minut.sandbox.sandbox import listen
from airflow_provider_minut.sandbox.server.app import create_app

NAME = "api.minut.com"


@contextlib.contextmanager
def minut_by_its_name(state, folder):
    """Serve a sandbox's state under Minut's name; yield the environment of who should find it there."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    key = folder / "key.pem"
    authority.issue_cert(NAME).private_key_and_cert_chain_pem.write_to_path(key)
    api = listen(0)
    config = uvicorn.Config(
        create_app(state), ssl_certfile=key, log_config=None, log_level="warning", lifespan="off"
    )
    server = uvicorn.Server(config)
    serving = threading.Thread(target=server.run, kwargs={"sockets": [api]}, daemon=True)
    serving.start()
    with Proxy(api.getsockname()) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield {
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_address[1]}",
            "REQUESTS_CA_BUNDLE": str(folder / "ca.pem"),
        }
        proxy.shutdown()
    server.should_exit = server.force_exit = True
    serving.join(10)


class Proxy(socketserver.ThreadingTCPServer):
    """A proxy that lets through to Minut's name, which is the sandbox, and to nothing else."""

    daemon_threads = True

    def __init__(self, target):
        self.target = target
        super().__init__(("127.0.0.1", 0), Tunnel)


class Tunnel(socketserver.StreamRequestHandler):
    def handle(self):
        wanted = self.rfile.readline()
        while self.rfile.readline() not in {b"\r\n", b""}:
            pass
        if not wanted.startswith(f"CONNECT {NAME}:443 ".encode()):
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(self.server.target) as inner:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=pump, args=(inner, self.connection), daemon=True)
            back.start()
            pump(self.connection, inner)
            back.join()


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
