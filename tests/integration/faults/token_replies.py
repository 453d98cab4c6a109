"""Responses of the token endpoint: those of RFC 6749 and of real servers, and invalid ones."""

from __future__ import annotations

import json

from tests.conftest import CLIENT_SECRET
from tests.integration.faults.fault import CREDENTIALS, Fault, get, token
from tests.integration.faults.server import TOKEN_MARK, Do, reply, token_reply

REJECTED = "Minut rejected the client credentials."
ADVICE = "Compare the client ID and the client secret of the connection with those under 'Developer tools'"


def good(name, log="", **fields):
    """A token that is used although its response is unusual."""
    return Fault(name=name, token=(token_reply(1, **fields),), log=log)


def bad(name, response, message, **fields):
    """A response without a usable token; no request is sent to the API."""
    return Fault(name=name, token=(response,), error="MinutResponseError", message=message, sent=0, **fields)


def rejection(name, response, message=REJECTED, **fields):
    """The client credentials are rejected: one request, and a permanent error."""
    return Fault(
        name=name, token=(response,), error="MinutAuthenticationError", message=message, sent=0, **fields
    )


def oauth_error(status, code, **fields):
    return reply(json.dumps({"error": code, **fields}), status)


def without(field):
    fields = {"access_token": f"{TOKEN_MARK}-1", "token_type": "Bearer", "expires_in": 3600}
    del fields[field]
    return reply(json.dumps(fields))


def raw(expires_in):
    return reply(f'{{"access_token": "{TOKEN_MARK}-1", "token_type": "Bearer", "expires_in": {expires_in}}}')


def in_a_loop(bench):
    """Send ten requests, each with a new client, as retried tasks do."""
    from airflow_provider_minut.exceptions import MinutAuthenticationError

    for _ in range(9):
        try:
            get(type("Other", (), {"client": bench.new_client()}))
        except MinutAuthenticationError:
            continue
    return get(bench)


UNUSABLE = "no usable expires_in; using the token for 600 s"
NO_TOKEN = "response has no usable access_token"
CHARACTERS = "characters that are not allowed in a token, or is too long"

FAULTS = [
    bad("access_token is missing", without("access_token"), NO_TOKEN),
    bad("access_token is empty", token_reply(1, access_token=""), NO_TOKEN),
    bad("access_token is null", token_reply(1, access_token=None), NO_TOKEN),
    bad("access_token is a number", token_reply(1, access_token=5), NO_TOKEN),
    bad("access_token is an object", token_reply(1, access_token={"value": TOKEN_MARK}), NO_TOKEN),
    bad("access_token contains a line break and a header", token_reply(1, access_token=f"{TOKEN_MARK}\r\nX-Evil: 1"), CHARACTERS),
    bad("access_token ends with a line break", token_reply(1, access_token=f"{TOKEN_MARK}\n"), CHARACTERS),
    bad("access_token contains a space", token_reply(1, access_token=f"{TOKEN_MARK} x"), CHARACTERS),
    bad("access_token is not ASCII", token_reply(1, access_token=f"{TOKEN_MARK}-\u00e9"), CHARACTERS),
    bad("access_token is a megabyte long", token_reply(1, access_token=TOKEN_MARK * 100_000), CHARACTERS),
    bad("token_type is mac", token_reply(1, token_type="mac"), "The token_type is not Bearer"),
    bad("token_type is null", token_reply(1, token_type=None), "The token_type is not Bearer"),
    bad("token_type is a number", token_reply(1, token_type=5), "The token_type is not Bearer"),
    Fault(name="token_type is missing", token=(without("token_type"),)),
    good("token_type is bearer, in lower case", token_type="bearer"),
    Fault(name="expires_in is missing", token=(without("expires_in"),), log=UNUSABLE),
    good("expires_in is null", UNUSABLE, expires_in=None),
    good("expires_in is a number as a string", "valid for 3600 s", expires_in="3600"),
    good("expires_in is a fraction", "valid for 3600 s", expires_in=3599.7),
    good("expires_in is a word", UNUSABLE, expires_in="soon"),
    good("expires_in is 0", UNUSABLE, expires_in=0),
    good("expires_in is negative", UNUSABLE, expires_in=-5),
    good("expires_in is true", UNUSABLE, expires_in=True),
    good("expires_in is a list", UNUSABLE, expires_in=[3600]),
    Fault(name="expires_in is NaN", token=(raw("NaN"),), log=UNUSABLE),
    Fault(name="expires_in is infinite", token=(raw("1e400"),), log=UNUSABLE),
    good("expires_in is 10^18", "valid for 86400 s", expires_in=10**18),
    Fault(name="expires_in has 400 digits", token=(raw("9" * 400),), log=UNUSABLE),
    good("The response contains a refresh token: it is ignored", refresh_token=f"{TOKEN_MARK}-refresh"),
    Fault(name="access_token occurs twice: the last one is used", call=token, sent=0, value="token-2",
          token=(reply(f'{{"access_token": "{TOKEN_MARK}-1", "access_token": "{TOKEN_MARK}-2", "expires_in": 3600}}'),)),
    Fault(name="The token response starts with a byte order mark", token=(reply(b"\xef\xbb\xbf" + token_reply(1)[0].partition(b"\r\n\r\n")[2]),)),
    bad("The token response is a list", reply("[1, 2]"), "returned a value of type list, not a JSON object. Check the API base URL, and whether a login page or a proxy responds instead of Minut."),
    bad("The token response is null", reply("null"), "returned null or an empty body, not a JSON object"),
    bad("The token response is empty", reply(""), "returned null or an empty body, not a JSON object"),
    bad("The token response is a string", reply(f'"{TOKEN_MARK}"'), "returned a value of type str, not a JSON object"),
    bad("The token response is an HTML page", reply("<title>Log in</title>", Content_Type="text/html"), "titled 'Log in'. Check the API base URL, and whether a login page or a proxy responds instead of Minut."),
    bad("The token response is form-encoded", reply(f"access_token={TOKEN_MARK}&expires_in=3600", Content_Type="application/x-www-form-urlencoded"),
        "that are not JSON"),
    bad("The token response is in UTF-16", reply(f'{{"access_token": "{TOKEN_MARK}"}}'.encode("utf-16")), "that are not JSON"),
    bad("The token response is truncated, with a matching Content-Length", reply(f'{{"access_token": "{TOKEN_MARK}-1'), "that are not JSON. Failed after 3", tokens=3),
    Fault(name="The token response is truncated once", token=((b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"access_token": "' + TOKEN_MARK.encode(), Do.CLOSE), token_reply),
          tokens=2),
    rejection("401 invalid_client", oauth_error("401 Unauthorized", "invalid_client"), ADVICE),
    rejection("400 invalid_client", oauth_error("400 Bad Request", "invalid_client"), "returned 400: invalid_client"),
    rejection("400 unauthorized_client", oauth_error("400 Bad Request", "unauthorized_client")),
    rejection("400 invalid_grant", oauth_error("400 Bad Request", "invalid_grant", error_description="No such client."), "No such client"),
    rejection("400 access_denied", oauth_error("400 Bad Request", "access_denied")),
    rejection("403 invalid_grant", oauth_error("403 Forbidden", "invalid_grant")),
    rejection("401 as plain text, as passport returns it", reply("Unauthorized", "401 Unauthorized", Content_Type="text/plain"), "returned 401: Unauthorized"),
    rejection("401 as HTML", reply("<title>401</title>", "401 Unauthorized", Content_Type="text/html"), "returned 401: titled '401'"),
    rejection("401 with an empty body", reply("", "401 Unauthorized"), ADVICE),
    rejection("401 in the only known error format of Minut", reply('{"message": "Bad login", "error_key": "unauthorized", "status": 401}', "401 Unauthorized"),
            "returned 401: Bad login"),
    rejection("403 with an HTML page of a firewall", reply("<title>Blocked</title>", "403 Forbidden", Content_Type="text/html"), "titled 'Blocked'"),
    rejection("200 with the error invalid_client", oauth_error("200 OK", "invalid_client"), "invalid_client"),
    rejection("Rejected credentials are retried in a loop", oauth_error("401 Unauthorized", "invalid_client"), call=in_a_loop,
            never="the account is locked by ten rejections in a row"),
    rejection("The error echoes the client secret", oauth_error("401 Unauthorized", "invalid_client", error_description=f"bad secret {CLIENT_SECRET}!"), "bad secret ***!"),
    rejection("The error echoes the Basic value", oauth_error("401 Unauthorized", "invalid_client", error_description=f"Basic {CREDENTIALS.basic}"), "Basic ***"),
    rejection("The error contains escape sequences", oauth_error("401 Unauthorized", "invalid_client", error_description="\x1b[2Jgone\r\nINFO forged line"), "gone INFO forged line"),
    rejection("The error is a megabyte long", oauth_error("401 Unauthorized", "invalid_client", error_description="x" * 10**6)),
    Fault(name="400 invalid_request", token=(oauth_error("400 Bad Request", "invalid_request"),), error="MinutRequestError", message="returned 400: invalid_request", sent=0),
    Fault(name="400 invalid_scope", token=(oauth_error("400 Bad Request", "invalid_scope"),), error="MinutRequestError", message="returned 400: invalid_scope", sent=0),
    Fault(name="400 unsupported_grant_type", token=(oauth_error("400 Bad Request", "unsupported_grant_type"),), error="MinutRequestError",
          message="returned 400: unsupported_grant_type", sent=0),
    Fault(name="501 unsupported_grant_type, as oauth2orize returns it", token=(oauth_error("501 Not Implemented", "unsupported_grant_type"),), error="MinutServerError",
          message="returned 501: unsupported_grant_type", sent=0),
    Fault(name="500 server_error", token=(oauth_error("500 Oops", "server_error"),), error="MinutServerError", message="returned 500: server_error", sent=0),
    Fault(name="503 temporarily_unavailable, then a token", token=(oauth_error("503 Busy", "temporarily_unavailable"), token_reply), tokens=2),
    Fault(name="503 temporarily_unavailable for every attempt", token=(oauth_error("503 Busy", "temporarily_unavailable"),), error="MinutServerError",
          message="temporarily_unavailable. Failed after 3 attempts. The failure is on Minut's side", sent=0, tokens=3),
    Fault(name="200 with the error server_error", token=(oauth_error("200 OK", "server_error"),), error="MinutServerError",
          message="server_error", sent=0),
    Fault(name="200 with the error temporarily_unavailable", token=(oauth_error("200 OK", "temporarily_unavailable"),), error="MinutServerError",
          message="temporarily_unavailable", sent=0),
    Fault(name="200 with an unknown error", token=(oauth_error("200 OK", "strange_error"),), error="MinutRequestError", message="strange_error", sent=0),
    Fault(name="429 from the token endpoint, with Retry-After, then a token", token=(reply("", "429 Too Many", Retry_After="7"), token_reply), tokens=2, waits=(7, 20)),
    Fault(name="429 from the token endpoint, with Retry-After of an hour", token=(reply("", "429 Too Many", Retry_After="3600"),), error="MinutRateLimitError",
          message="POST /oauth/token returned 429", sent=0, waits=(0, 0)),
    Fault(name="502 from the token endpoint, then a token", token=(reply("", "502 Bad Gateway"), token_reply), tokens=2),
    Fault(name="404 from the token endpoint: the base URL is wrong", token=(reply("", "404 Not Found"),), error="MinutNotFoundError",
          message="POST /oauth/token returned 404", sent=0),
    bad("The token endpoint redirects to a login page", reply("", "302 Found", Location="https://login.example/"), "a redirect to login.example. It was not followed"),
    bad("The token endpoint redirects with 307, which preserves method and body", reply("", "307 Moved", Location="https://evil.example/token"),
        "a redirect to evil.example. It was not followed", never="another host receives the credentials"),
]  # fmt: skip
