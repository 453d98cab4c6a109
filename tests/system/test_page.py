"""The page *Minut* in the UI of a real Airflow, newest and oldest: permissions, content, requests."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest
import requests

from airflow_provider_minut.sandbox.config import SandboxConfig
from airflow_provider_minut.sandbox.sandbox import Sandbox
from tests.deliveries import NOISE, Sender, an_event, delivery, registered, request_bytes, signed
from tests.servers import RedisServer
from tests.system.browser import open_page, picture
from tests.system.components import wait_for
from tests.system.conftest import add_connection
from tests.system.test_webhooks import NOISES, PATH, is_up, port_of

ROLES = ("viewer", "user", "op", "admin")
DATA = "/minut/status/data"
NASTY = "<img src=x onerror=alert(1)>"
# The contrast of each text with what is behind it (WCAG 2.2, 1.4.3), those below 4.5 only.
LOW_CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => rgba(color).slice(0, 3).map((c) => c / 255)
    .map((c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [.2126, .7152, .0722][n], 0);
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    if (["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    let behind = element;
    while (behind && !rgba(getComputedStyle(behind).backgroundColor)[3]) behind = behind.parentElement;
    const [a, b] = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor].map(light);
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) found.push([element.textContent.slice(0, 40), ratio]);
  }
  return found;
}"""


@pytest.fixture
def redis(tmp_path):
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def shown(request, deploy, tmp_path):
    """An Airflow with two API server workers, users of all roles, connections, and a webhook."""
    passwords = tmp_path / "passwords.json"
    passwords.write_text(json.dumps({role: f"password of {role}" for role in ROLES}))
    with Sandbox(SandboxConfig(homes=5, devices=30, silent_share=0.1, noisy_periods_per_day=0)) as minut:
        minut._state.world.change_device(29, {"description": NASTY})
        wrong = {**json.loads(minut.connection_json), "login": "unknown", "password": "wrong" * 5}
        shared = {}
        if getattr(request, "param", "redis") == "redis":
            shared["AIRFLOW__MINUT__SHARED_STATE"] = request.getfixturevalue("redis").url
        airflow, running = deploy(
            {"noises": NOISES},
            **shared,
            AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS="False",
            AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS=",".join(f"{role}:{role}" for role in ROLES),
            AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=str(passwords),
            AIRFLOW_CONN_MINUT_BERLIN=json.dumps(wrong),
        )
        add_connection(airflow, minut)
        parsed = airflow.airflow("dags", "reserialize")
        assert parsed.returncode == 0, parsed.stdout
        webhook = registered()
        airflow.airflow("variables", "set", "minut_webhook_secret_main", webhook.to_json())
        running.start("api-servers")
        wait_for(lambda: is_up(airflow), 180, lambda: running.log("api-servers"))
        yield SimpleNamespace(
            airflow=airflow,
            running=running,
            minut=minut,
            webhook=webhook,
            url=f"http://127.0.0.1:{port_of(airflow)}",
        )


def token_of(shown, role):
    form = {"username": role, "password": f"password of {role}"}
    reply = requests.post(f"{shown.url}/auth/token", json=form, timeout=60)
    assert reply.status_code == 201, reply.text
    return reply.json()["access_token"]


def get(shown, path, token=None):
    header = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(shown.url + path, headers=header, timeout=60)


def data_for(shown, role):
    reply = get(shown, DATA, token_of(shown, role))
    assert reply.status_code == 200, reply.text
    return reply.json()


def deliver(shown):
    good = request_bytes(PATH, *delivery(shown.webhook, an_event()))
    forged = request_bytes(PATH, b"{}", {shown.webhook.header: "0" * 64})
    nonsense = signed(shown.webhook, b'{"event": {"id": [7]}}', PATH)
    statuses = Sender(port_of(shown.airflow), connections=1).send([good, good, *[forged] * 5, nonsense])
    assert statuses == [201, 204, 401, 401, 401, 401, 401, 400]


def check_rights(shown):
    for path in ("/minut/status", DATA):
        assert get(shown, path).status_code == 401
        assert get(shown, path, "no.such.token").status_code in {401, 403}
        assert get(shown, path + "?user=admin").status_code == 401
    for role in ("viewer", "user"):
        data = data_for(shown, role)
        assert (data["connections"], data["webhooks"]) == ([], []), role
    assert shown.minut.stats()["token_requests"] == 0  # and nothing was requested for them
    for role in ("op", "admin"):
        data = data_for(shown, role)
        assert [c["conn_id"] for c in data["connections"]] == ["minut_berlin", "minut_default"]
        assert [w["name"] for w in data["webhooks"]] == ["main"]


def check_data(shown):
    def all_is_read():
        data = data_for(shown, "op")
        rejected, accepted = data["connections"]
        (webhook,) = data["webhooks"]
        return (
            accepted["read_at"]
            and rejected["problem"]
            and len(webhook["accepted"]) == len(webhook["rejected"]) == 2
            and data
        )

    data = wait_for(all_is_read, 60, lambda: data_for(shown, "op"))
    rejected, accepted = data["connections"]
    assert (accepted["credentials"], accepted["problem"], accepted["token"]) == ("accepted", "", "fresh")
    assert accepted["counts"]["devices"] == 30
    assert accepted["counts"]["offline"] == 3
    assert rejected["credentials"] == "rejected"
    assert [row["outcome"] for row in data["webhooks"][0]["accepted"]] == [
        "ignored: recorded before, or no DAG uses the asset",
        "recorded",
    ]
    assert {row["reason"]: row["deliveries"] for row in data["webhooks"][0]["rejected"]} == {
        "wrong signature": 5,
        "invalid event: id: must be a non-empty string, not list": 1,
    }
    text = json.dumps(data)
    issued = [*shown.minut._state._expires, shown.minut.client_secret, "wrongwrong"]
    for secret in (*issued, shown.webhook.hook_secret, "Basic", "eyJ"):
        assert secret not in text


@pytest.fixture
def open_minut_page(shown):
    """Open the page through the menu of Airflow's UI; gives the browser's page, and the frame."""

    def open_minut_page(role, *, theme="", **options):
        return Opened(shown, role, theme, options)

    return open_minut_page


class Opened:
    def __init__(self, shown, role, theme, options):
        self._shown, self._role, self._theme = shown, role, theme
        self._page = open_page(f"{shown.url}/api/v2/version", **options)
        self.errors, self.requested = [], []

    def __enter__(self):
        page = self.page = self._page.__enter__()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(dialog.message))
        page.on("request", lambda request: self.requested.append(request.url))
        cookie = {"name": "_token", "value": token_of(self._shown, self._role), "url": self._shown.url}
        page.context.add_cookies([cookie])
        if self._theme:
            page.evaluate(f"localStorage.setItem('theme', '{self._theme}')")
        page.goto(self._shown.url)
        page.get_by_role("button", name="Browse").click(timeout=60_000)
        page.get_by_role("menuitem", name="Minut").click()
        self.view = page.frame_locator("iframe")
        self.view.get_by_role("heading", name="Minut", exact=True).wait_for(timeout=60_000)
        self.view.get_by_text("There are no Minut connections").or_(
            self.view.get_by_role("table", name="devices")
        ).first.wait_for(timeout=30_000)
        return self

    def __exit__(self, *error):
        self._page.__exit__(*error)

    @property
    def frame(self):
        return next(frame for frame in self.page.frames if frame.parent_frame)

    @property
    def polls(self):
        return sum(url.endswith(DATA) for url in self.requested)


def check_what_is_read_aloud(opened):
    view = opened.view
    for name in ("minut_default connection", "minut_berlin connection"):
        assert view.get_by_role("region", name=name, exact=True).count() == 1
    devices = view.get_by_role("table", name="30 devices")
    assert devices.get_by_role("columnheader").all_inner_texts() == [
        "Device",
        "Home",
        "State",
        "Last check-in",
        "Battery",
    ]
    assert devices.get_by_role("row").count() == 31
    assert devices.get_by_role("cell", name="Offline", exact=True).count() == 3
    assert view.get_by_role("rowheader", name=NASTY).count() == 1  # as text
    assert view.get_by_role("meter", name="used in the last minute").count() == 2
    assert "Minut rejected the client credentials" in view.get_by_text("Problem:").locator("..").inner_text()
    assert (
        view.get_by_role("status")
        .inner_text()
        .startswith("2 connections, 1 with a problem; 30 devices, 3 offline, ")
    )
    heard = view.get_by_role("table", name="Last deliveries").aria_snapshot()
    for text in ("Accepted", "recorded", NOISE, "Rejected", "wrong signature", "5 since"):
        assert text in heard


def check_keyboard(opened):
    page, frame = opened.page, opened.frame
    reached = []
    opened.view.get_by_role("heading", name="Minut", exact=True).click()  # tabbing starts here
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(frame.evaluate("document.activeElement.id"))
        assert frame.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached == ["pause", "devices-minut_default", "homes-minut_default", "deliveries-main"]
    for _ in range(3):
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert opened.view.get_by_role("button", name="Pause", pressed=True).count() == 1
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    end = "table => table.scrollTop > 0 && table.scrollTop + table.clientHeight >= table.scrollHeight - 1"
    wait_for(lambda: opened.view.locator("#devices-minut_default").evaluate(end), 10)


def check_focus_survives_a_refresh(opened):
    frame = opened.frame
    opened.view.locator("#devices-minut_default").evaluate(
        "table => { table.focus(); table.scrollTo(0, 50); }"
    )
    frame.evaluate("document.querySelectorAll('[data-key]').forEach((part) => { part.dataset.text = ''; })")
    polls = opened.polls
    opened.view.get_by_role("button", name="Pause").evaluate("button => button.click()")  # resumes
    opened.page.wait_for_timeout(1_000)
    assert opened.polls == polls + 1
    assert frame.evaluate("[document.activeElement.id, document.activeElement.scrollTop]") == [
        "devices-minut_default",
        50,
    ]


def check_appearance(open_minut_page, folder, version):
    for name, theme, width, height in (
        ("page", "light", 1280, 1250),
        ("page-dark", "dark", 1280, 1000),
        ("page-narrow", "light", 420, 1000),
        ("page-narrow-dark", "dark", 420, 1000),
    ):
        # The system prefers the other theme: Airflow's own setting must win.
        with open_minut_page("op", theme=theme, width=width, height=height, dark=theme == "light") as opened:
            assert opened.frame.evaluate("document.documentElement.dataset.theme") == theme
            assert opened.frame.evaluate(LOW_CONTRAST) == []
            sideways = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            assert opened.frame.evaluate(sideways)
            opened.page.mouse.move(width - 5, 5)
            opened.page.wait_for_timeout(500)  # until Airflow's menu has closed
            file = f"{name}.png" if version == "newest" else f"{name}-{version}.png"
            where = picture(file, folder) if file == "page.png" else folder / file
            opened.page.screenshot(path=where)
            opened.view.get_by_role("table", name="Last deliveries").scroll_into_view_if_needed()
            opened.page.screenshot(path=folder / f"end-of-{file}")
            assert opened.errors == []


@pytest.mark.timeout(900)
@pytest.mark.parametrize("complete_venv", ["newest", "oldest"], indirect=True)
def test_page_in_the_ui(shown, open_minut_page, tmp_path, request):
    check_rights(shown)
    deliver(shown)
    check_data(shown)
    with open_minut_page("viewer") as opened:
        assert (
            "There are no registered webhooks that you have permission to view."
            in opened.view.locator("main").inner_text()
        )
    with open_minut_page("op") as opened:
        check_what_is_read_aloud(opened)
        check_keyboard(opened)
        check_focus_survives_a_refresh(opened)
        assert opened.errors == []
        assert {url.split("/")[2] for url in opened.requested if url.startswith("http")} == {
            shown.url.split("/")[2]
        }
        opened.page.context.clear_cookies()
        opened.view.get_by_role("button", name="Pause").click()
        opened.view.get_by_role("button", name="Pause").click()
        opened.view.get_by_text("Log in again").wait_for(timeout=10_000)
        assert opened.view.get_by_role("table").count() == 0
    check_appearance(open_minut_page, tmp_path, request.node.callspec.params["complete_venv"])
    log = shown.running.log("api-servers")
    assert "Traceback" not in log
    assert shown.webhook.hook_secret not in log
    assert shown.minut.client_secret not in log


@pytest.mark.timeout(900)
@pytest.mark.parametrize("shown", ["file"], indirect=True)
def test_two_open_pages_and_two_workers_share_their_requests(shown, open_minut_page, capsys):
    """The limit per hour is tested with a simulated clock in tests/unit/status_page/test_account.py."""
    import psutil

    children = psutil.Process(shown.running.process_id("api-servers")).children(recursive=True)
    with open_minut_page("op") as opened:
        other = opened.page.context.new_page()
        other.on("request", lambda request: opened.requested.append(request.url))
        other.goto(f"{shown.url}/plugin/minut")
        other.frame_locator("iframe").get_by_role("table", name="devices").wait_for(timeout=60_000)
        began = time.monotonic()
        while time.monotonic() - began < 120:
            opened.page.wait_for_timeout(1_000)
            data_for(shown, "op")  # as a third page, with a shorter interval
        stats = shown.minut.stats()
        with capsys.disabled():
            print(f"\nIn two minutes two pages polled {opened.polls} times; the API counted {stats}")
        assert len(children) >= 2
        assert opened.polls >= 12
        assert stats["requests"]["GET /devices"] == stats["requests"]["GET /homes"] == 1
        assert stats["tokens_issued"] == 1
        assert stats["token_requests"] <= 4  # the other token requests have the wrong secret
