"""Airflow's UI, as a person sees it: in a real Chromium without a screen."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

QUIET = [  # otherwise it contacts hosts of its vendor
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",  # which root cannot have
]


@contextmanager
def open_page(url, *, width=1280, height=800, dark=False):
    """Open a page of an Airflow whose users are all admins."""
    # Chrome is what GitHub's machines have; Chromium is a snap there, which root cannot start.
    chromium = shutil.which("google-chrome") or shutil.which("chromium")
    if not chromium:
        assert not os.environ.get("CI"), "CI has to have Chromium"
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        page = context.new_page()
        page.goto(url)
        yield page
        browser.close()


def picture(name, folder):
    """Return the path of a picture: in the folder of the variable PICTURES, else in that of the test."""
    return Path(os.environ.get("PICTURES", folder)) / name
