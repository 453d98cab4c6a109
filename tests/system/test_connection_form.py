"""The form of a connection, filled in and tested as a person does it. The oldest Airflow and the newest."""

from __future__ import annotations

import json
import time
from urllib.parse import urlsplit

import pytest
import requests

from airflow_provider_minut.get_provider_info import CONN_FIELDS
from tests.system.browser import open_page, picture

CONN_ID = "minut_default"
SUCCESS, FAILURE = "Successful", "Failed"
COLOURS = {SUCCESS: "green", FAILURE: "red"}


@pytest.fixture
def api(origin):
    """Call Airflow's public API; the command would take seconds."""
    token = requests.get(f"{origin}/auth/token", timeout=30).json()["access_token"]

    def call(method, path):
        headers = {"Authorization": f"Bearer {token}"}
        return requests.request(method, f"{origin}/api/v2/{path}", headers=headers, timeout=30)

    return call


@pytest.fixture
def page(origin, api):
    """The list of connections, without one for Minut."""
    assert api("DELETE", f"connections/{CONN_ID}").status_code in {204, 404}
    # As tall as the longest form; by the menu, because Airflow 3.1 forgets where a new visitor wanted to go.
    with open_page(origin, height=1600) as page:
        page.set_default_timeout(60_000)
        page.get_by_role("button", name="Admin").click()
        page.get_by_role("menuitem", name="Connections").click()
        yield page


@pytest.fixture
def shown(request, tmp_path):
    """Where a picture goes: the documentation shows the newest Airflow."""
    is_newest = request.node.callspec.params["installed"] == "newest"
    return lambda name: picture(name, tmp_path) if is_newest else tmp_path / name


def open_form(page):
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Connection ID").fill(CONN_ID)
    form.get_by_role("combobox").fill("Minut")
    form.get_by_role("option", name="Minut", exact=True).click()
    form.get_by_label("Client ID").wait_for()
    return form


def add(page, sandbox, **changes):
    """Add the sandbox's connection, with host and port apart, and return its row."""
    form = open_form(page)
    url = urlsplit(sandbox.base_url)
    fields = {
        "API base URL": f"{url.scheme}://{url.hostname}",
        "Client ID": sandbox.client_id,
        "Client secret": sandbox.client_secret,
        "Port": str(url.port),
    }
    for label, value in {**fields, **changes}.items():
        form.get_by_label(label).fill(value)
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    form.get_by_label("Maximum attempts").fill("2")
    return save(page, form)


def edit(page, row, **changes):
    row.get_by_role("button", name="Edit Connection").click()
    form = page.get_by_role("dialog")
    for label, value in changes.items():
        form.get_by_label(label).fill(value)
    return save(page, form)


def save(page, form):
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="hidden")
    return page.get_by_role("row").filter(has_text=CONN_ID)


def press_test(page, row, outcome):
    """Press Test and return the notification in the UI, which disappears after five seconds."""
    row.get_by_role("button", name="Test Connection").click()
    note = page.get_by_role("status").filter(has_text=f"Test Connection {outcome}")
    text = note.inner_text()
    row.locator(f"svg[color={COLOURS[outcome]}]").wait_for()
    return " ".join(text.split())


def assert_shows(form, labels):
    """Wait until these labels are visible, and no others: panels open and close gradually."""
    give_up = time.monotonic() + 30

    def shown():
        return [label.split("\n")[0] for label in form.locator("label:visible").all_inner_texts()]

    while shown() != labels and time.monotonic() < give_up:
        form.page.wait_for_timeout(100)
    assert shown() == labels


def test_form_shows_labels_and_placeholders(page, shown):
    form = open_form(page)
    standard = ["Description", "API base URL", "Client ID", "Client secret", "Port"]
    assert_shows(form, ["Connection ID", "Connection Type", *standard])
    assert form.get_by_label("Client secret").get_attribute("type") == "password"
    assert "Developer tools" in form.get_by_label("Client ID").get_attribute("placeholder")
    form.get_by_role("heading", name="Add Connection").click()  # out of the field that was chosen last
    form.screenshot(path=shown("connection-form.png"))

    form.get_by_role("button", name="Extra Fields", exact=True).click()
    for name, field in CONN_FIELDS.items():
        form.locator(f"[name=element_{name}]").wait_for()
        form.get_by_text(field["description"]).wait_for()
    labels = [field["label"] for field in CONN_FIELDS.values()]
    assert_shows(form, ["Connection ID", "Connection Type", *labels])
    form.screenshot(path=shown("connection-form-extra.png"))


def test_button_says_whether_the_credentials_hold(page, sandbox):
    row = add(page, sandbox)
    message = press_test(page, row, SUCCESS)
    assert "Connection successfully tested. Authenticated as Alex Sandbox" in message
    edit(page, row, **{"Client secret": "wrong" * 5})
    message = press_test(page, row, FAILURE)
    assert "Minut rejected the client credentials" in message
    assert "under 'Developer tools' in Minut's web app" in message
    assert "wrongwrong" not in page.content()
    assert sandbox.stats()["requests"]["GET /users/me"] == 1


def test_picture_of_a_failed_test(page, sandbox, shown):
    row = add(page, sandbox, **{"Client secret": "wrong" * 5})
    page.get_by_role("status").last.wait_for(state="detached")  # the notification about the new connection
    page.set_viewport_size({"width": 1100, "height": 520})
    press_test(page, row, FAILURE)
    page.screenshot(path=shown("connection-test.png"), animations="disabled")


def test_saved_again_it_is_as_it_was(page, sandbox, installed, api):
    """The form writes null into what was left empty, and *** for the secret, which Airflow then keeps."""
    row = add(page, sandbox)
    before = api("GET", f"connections/{CONN_ID}").json()
    assert json.loads(before["extra"]) == {**dict.fromkeys(CONN_FIELDS), "max_attempts": 2}
    edit(page, row, Description="the sandbox")
    assert api("GET", f"connections/{CONN_ID}").json() == {**before, "description": "the sandbox"}
    press_test(page, row, SUCCESS)
    done = installed.airflow("dags", "test", "minut_validate_credentials")
    assert done.returncode == 0, done.stdout


def test_connection_without_a_port_works_and_only_the_button_of_3_3_does_not(page, sandbox, installed, api):
    """The note on the port in docs/connection.md. If this fails with a new Airflow, remove the note."""
    is_rejected = api("GET", "version").json()["version"].startswith("3.3.")
    row = add(page, sandbox, **{"API base URL": sandbox.base_url, "Port": ""})
    message = press_test(page, row, FAILURE if is_rejected else SUCCESS)
    assert message.endswith("Bad Request") == is_rejected
    tested = installed.airflow("connections", "test", CONN_ID)
    assert "Connection success!" in tested.stdout, tested.stdout
