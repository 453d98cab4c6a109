"""TLS, proxies and the environment, with our own certificate authority."""

from __future__ import annotations

import functools
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import trustme

from tests.integration.faults.fault import PASSWORD, Fault
from tests.integration.faults.server import OK, Do, Server

UNTRUSTED = "TLS failed"
NAME = "api.minut.example"


@functools.cache
def authority():
    return trustme.CA()


def certificate(*names, ca=None, start=-1, end=30):
    """Return a server's TLS context; its certificate is valid between two days from now."""
    now = datetime.now(UTC)
    issued = (ca or authority()).issue_cert(
        *names, not_before=now + timedelta(days=start), not_after=now + timedelta(days=end)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    return context


def bundle(bench):
    path = bench.folder / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return str(path)


def serving(*names, trusted=True, mutual=False, **options):
    """Serve with a certificate for these names; the client trusts our authority only if ``trusted``."""

    def prepare(bench):
        context = certificate(*names, **options)
        if mutual:
            context.verify_mode = ssl.CERT_REQUIRED
            context.maximum_version = ssl.TLSVersion.TLSv1_2  # where the rejection comes in the handshake
            context.load_verify_locations(bundle(bench))
        bench.serve(tls=context)
        if trusted:
            bench.settings["verify"] = bundle(bench)

    return prepare


def https_to(arrivals):
    """Use https with a server without TLS."""

    def prepare(bench):
        bench.serve()
        bench.server._arrivals = arrivals
        bench.settings["base_url"] = bench.server.base_url.replace("http:", "https:")

    return prepare


def plain_to_tls(bench):
    bench.serve(tls=certificate("localhost"))
    bench.settings["base_url"] = bench.server.base_url.replace("https:", "http:")


def unverified(bench):
    serving("localhost", trusted=False)(bench)
    bench.settings["verify"] = False


def invalid_bundle(bench):
    serving("localhost")(bench)
    (bench.folder / "ca.pem").write_text("not a certificate")


def deleted_bundle(bench):
    serving("localhost")(bench)
    assert bench.client
    (bench.folder / "ca.pem").unlink()


def elsewhere(bench):
    """Serve api.minut.example, a host that the client does not recognize as this machine."""
    bench.serve(tls=certificate(NAME))
    bench.settings |= {"base_url": f"https://{NAME}:{bench.server.port}/v8", "verify": bundle(bench)}
    real = socket.getaddrinfo

    def resolve(host, port, *args, **kwargs):
        return real("127.0.0.1" if host == NAME else host, port, *args, **kwargs)

    bench.monkeypatch.setattr(socket, "getaddrinfo", resolve)


def with_netrc(bench):
    elsewhere(bench)
    netrc = bench.folder / "netrc"
    netrc.write_text(
        f"machine {NAME} login thief password {PASSWORD}\ndefault login thief password {PASSWORD}\n"
    )
    bench.monkeypatch.setenv("NETRC", str(netrc))


def bundle_from_environment(bench):
    elsewhere(bench)
    bench.monkeypatch.setenv("REQUESTS_CA_BUNDLE", bench.settings.pop("verify"))


def missing_bundle_from_environment(bench):
    elsewhere(bench)
    del bench.settings["verify"]
    bench.monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")


def proxied(response, *, no_proxy=""):
    """Set HTTPS_PROXY to a proxy with this response; ``None``: to one that refuses connections."""

    def prepare(bench):
        elsewhere(bench)
        proxy = Server(api=(response or OK,))
        if response is None:
            proxy.stop()
        bench.cleanup.callback(proxy.stop)
        bench.monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}")
        bench.monkeypatch.setenv("NO_PROXY", no_proxy)

    return prepare


def tunnelled(bench):
    """Set HTTPS_PROXY to a working proxy that records the data it forwards."""
    elsewhere(bench)
    bench.passed = bytearray()
    listener = bench.cleanup.enter_context(socket.create_server(("127.0.0.1", 0)))

    def pump(source, target):
        try:
            while piece := source.recv(65536):
                bench.passed.extend(piece)
                target.sendall(piece)
        except OSError:
            pass

    def work():
        try:
            inside, _ = listener.accept()
            inside.recv(65536)
            inside.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            outside = socket.create_connection(("127.0.0.1", bench.server.port))
        except OSError:
            return
        with inside, outside:
            threading.Thread(target=pump, args=(outside, inside), daemon=True).start()
            pump(inside, outside)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    bench.cleanup.callback(thread.join, 5)
    bench.cleanup.callback(lambda: bench.client.close())
    bench.monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.getsockname()[1]}")


def nothing_readable_passed(bench, _outcome):
    assert len(bench.passed) > 1000
    assert b"Bearer" not in bench.passed
    assert b"homes" not in bench.passed


def loopback_proxy(bench):
    bench.monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")


def failed(name, prepare, message, **fields):
    """A failure before any request was sent."""
    return Fault(
        name=name, prepare=prepare, error="MinutConnectionError", message=message, sent=0, tokens=0, **fields
    )


ONCE = {"waits": (0, 0)}
PROXY = "the proxy is unreachable or rejected the request"

FAULTS = [
    Fault(name="A private certificate authority whose bundle is in `verify`", prepare=serving("localhost")),
    failed("An untrusted certificate authority", serving("localhost", trusted=False),
           "TLS failed (unable to get local issuer certificate); see the setting 'verify'", **ONCE),
    failed("A certificate authority that is not in the bundle", serving("localhost", ca=trustme.CA()),
           "TLS failed", **ONCE),
    failed("An expired certificate", serving("localhost", start=-9, end=-2), "certificate has expired", **ONCE),
    failed("A certificate that is not valid yet", serving("localhost", start=2), "certificate is not yet valid", **ONCE),
    failed("A certificate for another host", serving("api.other.example"), "TLS failed (Hostname mismatch", **ONCE),
    failed("The server requires a client certificate", serving("localhost", mutual=True), "TLS failed (", **ONCE),
    Fault(name="An untrusted certificate, with `verify` false", prepare=unverified),
    failed("The base URL is https, the server uses http", https_to(((b"HTTP/1.1 400 Bad\r\n\r\n", Do.CLOSE),)), UNTRUSTED, **ONCE),
    failed("The connection is closed during the TLS handshake", https_to(((0.05, Do.CLOSE),)), "POST /oauth/token got no response"),
    failed("The connection is reset during the TLS handshake", https_to(((0.05, Do.RESET),)), "POST /oauth/token got no response"),
    failed("The TLS handshake does not complete", https_to(((Do.HANG,),)), "within 0.3 s",
           settings={"timeout": 0.3, "max_attempts": 2}),
    failed("The base URL is http, the server uses https", plain_to_tls, "POST /oauth/token got no response"),
    failed("The CA bundle contains no certificate", invalid_bundle, "TLS failed (no certificate or crl found)", **ONCE),
    failed("The CA bundle is deleted after the settings were validated", deleted_bundle, "the CA bundle", **ONCE),
    Fault(name="A `.netrc` with an entry for the host and a default entry", prepare=with_netrc,
          never="the token is replaced by the credentials in `.netrc`"),
    Fault(name="REQUESTS_CA_BUNDLE is the path of the bundle", prepare=bundle_from_environment),
    failed("REQUESTS_CA_BUNDLE is the path of a missing file", missing_bundle_from_environment, "the CA bundle", **ONCE),
    Fault(name="HTTP_PROXY is set, and the API is on the same machine", prepare=loopback_proxy, never="the proxy is used"),
    Fault(name="HTTPS_PROXY is set to a working proxy", prepare=tunnelled, check=nothing_readable_passed,
          never="the proxy can read a token or a path"),
    failed("HTTPS_PROXY is set, and the proxy refuses the connection", proxied(None), PROXY),
    failed("The proxy rejects the password (407)", proxied((b"HTTP/1.1 407 Password\r\nContent-Length: 0\r\n\r\n",)), PROXY),
    failed("The proxy returns 502 for CONNECT", proxied((b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n",)), PROXY),
    failed("The proxy closes the connection", proxied((Do.CLOSE,)), "POST /oauth/token got no response"),
    failed("The proxy does not respond", proxied((Do.HANG,)), "POST /oauth/token got no response",
           settings={"timeout": 0.3, "max_attempts": 2}),
    Fault(name="NO_PROXY contains the host", prepare=proxied(None, no_proxy=NAME)),
]  # fmt: skip
