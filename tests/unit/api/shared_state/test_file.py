"""Sharing through a directory: what is believed of it, and what happens when it fails."""

from __future__ import annotations

import fcntl
import json
import os
import random
import stat
import sys
import tempfile
import time

import pytest

from airflow_provider_minut.api.auth.credentials import ClientCredentials
from airflow_provider_minut.api.shared_state import file as file_module
from airflow_provider_minut.api.shared_state.encrypted import EncryptedEntry
from airflow_provider_minut.api.shared_state.factory import open_shared_state
from airflow_provider_minut.api.shared_state.file import FileState, default_directory
from airflow_provider_minut.api.shared_state.memory import PROCESS_STATE, MemoryState
from airflow_provider_minut.api.shared_state.reservations import Rate
from airflow_provider_minut.exceptions import MinutConfigurationError
from tests.conftest import CLIENT_ID, CLIENT_SECRET


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def state(directory):
    return FileState(directory, fallback=MemoryState())


def test_entry_is_read_by_another_process_object(state, directory):
    state.write("name", b"entry", lifetime=60)
    assert FileState(directory).read("name") == b"entry"
    assert FileState(directory).read("other") is None


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_directory_and_files_are_private_whatever_the_umask(state, directory, umask):
    before = os.umask(umask)
    try:
        with state.lock("name", timeout=1):
            state.write("name", b"entry", lifetime=60)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    finally:
        os.umask(before)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert modes == {"name": 0o600, "name.lock": 0o600}


def test_lock_excludes_others_also_in_the_same_process(state, directory):
    with state.lock("name", timeout=0) as first, FileState(directory).lock("name", timeout=0) as second:
        assert (first, second) == (True, False)
    with state.lock("name", timeout=0) as again:
        assert again


def plant_symlink(directory, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    directory.symlink_to(tmp_path / "elsewhere")


def plant_file(directory, tmp_path):
    directory.write_text("")


def plant_open_directory(directory, tmp_path):
    directory.mkdir()
    directory.chmod(0o755)


def plant_foreign_directory(directory, tmp_path):
    directory.mkdir(mode=0o700)
    os.chown(directory, 12345, -1)


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        (plant_symlink, "not a directory"),
        (plant_file, "not a directory"),
        (plant_open_directory, "accessible by other users"),
        pytest.param(
            plant_foreign_directory,
            "owned by another user",
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away"),
        ),
    ],
)
def test_directory_that_is_not_ours_alone_is_not_used(state, directory, tmp_path, caplog, plant, reason):
    plant(directory, tmp_path)
    for _ in range(2):
        state.write("name", b"entry", lifetime=60)
        assert state.read("name") == b"entry"  # from memory
        with state.lock("name", timeout=1) as mine:
            assert mine
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert reason in caplog.text
    assert directory.is_file() or not list(directory.iterdir())


def test_missing_parent_costs_a_warning_and_not_the_task(tmp_path, caplog, make_client, token_endpoint):
    client = make_client(state=FileState(tmp_path / "no" / "such" / "place", fallback=MemoryState()))
    assert client.get_access_token() == "token-1"
    assert "Shared state directory" in caplog.text
    assert "No such file or directory" in caplog.text


def test_full_disk_costs_a_warning_and_not_the_task(
    state, directory, caplog, make_client, token_endpoint, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    assert make_client(state=state).get_access_token() == "token-1"
    assert "No space left on device" in caplog.text


def test_directory_that_vanishes_is_made_again(state, directory, make_client, token_endpoint, clock):
    import shutil

    client = make_client(state=state)
    client.get_access_token()
    shutil.rmtree(directory)
    clock.advance(3600)
    assert client.get_access_token() == "token-2"
    assert make_client(state=FileState(directory)).get_access_token() == "token-2"


def plant_link_entry(path, tmp_path):
    path.unlink()
    path.symlink_to(tmp_path / "victim")


def plant_fifo_entry(path, tmp_path):
    path.unlink()
    os.mkfifo(path)


def plant_empty_entry(path, tmp_path):
    path.write_bytes(b"")


@pytest.mark.parametrize("plant", [plant_link_entry, plant_fifo_entry, plant_empty_entry])
def test_entry_that_is_none_is_replaced(state, directory, tmp_path, make_client, token_endpoint, plant):
    client = make_client(state=state)
    client.get_access_token()
    plant(directory / client._tokens._shared.name, tmp_path)
    second = make_client(state=FileState(directory, fallback=MemoryState()))
    assert second.get_access_token() == "token-2"
    assert make_client(state=FileState(directory)).get_access_token() == "token-2"
    assert not (tmp_path / "victim").exists()


def test_damaged_entries_are_never_believed():
    """10,000 times random bytes, a cut, a flipped bit, or another client's entry."""
    state = MemoryState()
    encrypted = EncryptedEntry(state, "https://x/v8", CLIENT_ID, CLIENT_SECRET)
    encrypted.write(b'{"v": 1}', lifetime=60)
    good = state.read(encrypted.name)
    other = EncryptedEntry(MemoryState(), "https://x/v8", CLIENT_ID, "another-secret")
    other.name = encrypted.name
    other._state = state
    other.write(b"not yours", lifetime=60)
    foreign = state.read(encrypted.name)
    rng = random.Random(7)
    for _ in range(2500):
        position = rng.randrange(1, len(good) - 1)
        flipped = bytearray(good)
        # The last characters of Base64 may carry no bits; any other flip must be noticed.
        flipped[position % (len(good) - 4)] ^= 1 << rng.randrange(7)
        for damaged in (rng.randbytes(rng.randrange(300)), good[:position], bytes(flipped), foreign):
            state.write(encrypted.name, damaged, lifetime=60)
            assert encrypted.read() is None
    state.write(encrypted.name, good, lifetime=60)
    assert encrypted.read() == b'{"v": 1}'


def test_nothing_readable_is_written(state, directory, make_client, token_endpoint):
    client = make_client(state=state)
    token = client.get_access_token()
    files = list(directory.iterdir())
    assert files
    for path in files:
        everything = path.name.encode() + path.read_bytes()
        for readable in (token, CLIENT_ID, CLIENT_SECRET, "127.0.0.1", "access_token"):
            assert readable.encode() not in everything


def test_names_differ_by_url_id_and_secret():
    names = {
        EncryptedEntry(MemoryState(), *parts).name
        for parts in [("u", "i", "s"), ("u2", "i", "s"), ("u", "i2", "s"), ("u", "i", "s2")]
    }
    assert len(names) == 4


def test_old_leftovers_are_removed_and_young_ones_kept(state, directory):
    state.write("first", b"1", lifetime=60)
    for name, age in (("old", 3 * 86_400), ("old.lock", 3 * 86_400), ("young", 3600)):
        (directory / name).write_bytes(b"")
        then = (directory / name).stat().st_mtime - age
        os.utime(directory / name, (then, then))
    state.write("second", b"2", lifetime=60)
    assert sorted(path.name for path in directory.iterdir()) == ["first", "second", "young"]


def test_places_have_names(tmp_path, monkeypatch):
    assert open_shared_state("memory") is PROCESS_STATE
    assert open_shared_state("file") is open_shared_state("file")
    assert open_shared_state(f"file://{tmp_path}/a%20b")._directory == tmp_path / "a b"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert default_directory() == tmp_path / f"airflow-provider-minut-{os.geteuid()}"


@pytest.mark.parametrize("place", ["", "disk", "file://relative/path", "http://localhost", "FILE"])
def test_unknown_place_is_an_error_that_says_what_is_accepted(place):
    with pytest.raises(MinutConfigurationError, match="shared_state: must be memory, file, file:///path"):
        open_shared_state(place)


def test_hook_reads_the_place_from_airflows_configuration(minut_sandbox, directory, monkeypatch):
    from airflow_provider_minut.hooks.minut import MinutHook

    monkeypatch.setenv("AIRFLOW__MINUT__SHARED_STATE", f"file://{directory}")
    MinutHook().get_current_user()
    assert list(directory.iterdir())


def test_rejection_is_shared_too(state, directory, make_client, httpserver):
    from airflow_provider_minut.exceptions import MinutAuthenticationError

    httpserver.expect_request("/v8/oauth/token").respond_with_data(json.dumps({}), status=401)
    for place in (state, FileState(directory)):
        with pytest.raises(MinutAuthenticationError):
            make_client(state=place, credentials=ClientCredentials("a", "b")).get_access_token()
    assert len(httpserver.log) == 1


def plant_directory_as_log(path):
    path.mkdir()


def plant_fifo_as_log(path):
    os.mkfifo(path)


@pytest.mark.parametrize("plant", [plant_directory_as_log, plant_fifo_as_log])
def test_log_that_is_no_file_costs_a_warning_and_is_counted_in_memory(state, directory, caplog, plant):
    state.write("other", b"", lifetime=60)
    plant(directory / "log")
    for _ in range(3):
        assert state.reserve("log", [Rate(3, 60)], now=1e9, within=1) == 0
    assert len(state.reservations("log", now=1e9).ahead) == 3
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "Falling back to per-process tokens" in caplog.text


def test_log_that_a_stopped_process_holds_is_waited_for_and_then_left_alone(
    state, directory, caplog, monkeypatch
):
    monkeypatch.setattr(file_module, "UPDATE_LOCK_TIMEOUT_SECONDS", 0.01)
    state.reserve("log", [Rate(1, 60)], now=1e9, within=1)
    with (directory / "log").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert state.reserve("log", [Rate(1, 60)], now=1e9, within=1) == 0
    assert "another process holds a lock and is stopped" in caplog.text


def test_log_that_was_removed_while_its_lock_was_waited_for_is_made_anew(state, directory, monkeypatch):
    state.reserve("log", [Rate(1, 60)], now=1e9, within=1)
    with (directory / "log").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        def remove_and_release(_seconds):
            (directory / "log").unlink()
            fcntl.flock(held, fcntl.LOCK_UN)

        monkeypatch.setattr(time, "sleep", remove_and_release)
        assert state.reserve("log", [Rate(1, 60)], now=1e9, within=1) == 0
    assert len(state.reservations("log", now=1e9).ahead) == 1


def test_lock_that_cannot_be_made_costs_a_warning_and_is_held_in_memory(state, directory, caplog):
    state.write("other", b"", lifetime=60)
    (directory / "name.lock").mkdir()
    with state.lock("name", timeout=0) as mine, state.lock("name", timeout=0) as second:
        assert (mine, second) == (True, False)
    assert [r.levelname for r in caplog.records] == ["WARNING"]


def test_redis_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "airflow_provider_minut.api.shared_state.redis", None)
    with pytest.raises(MinutConfigurationError, match=r"airflow-provider-minut\[redis\]"):
        open_shared_state("redis://127.0.0.1:9/0")
