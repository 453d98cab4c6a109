from __future__ import annotations

import json

import pytest

from airflow_provider_minut.exceptions import MinutConfigurationError
from airflow_provider_minut.loading import credentials
from airflow_provider_minut.loading.credentials import Location, location_of, redacted, store_options


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/data/t", ("/data/t", "", None)),
        ("file:///data/t", ("/data/t", "", None)),
        ("s3://bucket/t", ("s3://bucket/t", "s3", None)),
        ("s3a://aws_default@my.bucket/a/t", ("s3://my.bucket/a/t", "s3", "aws_default")),
        ("gcs://gcp@bucket/t", ("gs://bucket/t", "gs", "gcp")),
        ("abfs://wasb@container/t", ("abfss://container/t", "abfss", "wasb")),
        ("wasb://container/t", ("az://container/t", "az", None)),
        (
            "abfss://c@account.dfs.core.windows.net/t",
            ("abfss://c@account.dfs.core.windows.net/t", "abfss", None),
        ),
    ],
)
def test_location_of_a_path(path, expected):
    assert location_of(path, None) == expected
    if expected[1]:
        assert location_of(path, "other").conn_id == "other"


def test_unknown_protocol_is_an_error():
    with pytest.raises(
        MinutConfigurationError, match="path: must be a local path or begin with one of s3://"
    ):
        location_of("hdfs://x/y", None)


@pytest.fixture
def options(monkeypatch):
    """Return the options of a connection, without Amazon's provider."""
    monkeypatch.setitem(credentials._READERS, "s3", credentials._aws_fields)

    def of(protocol, **fields):
        monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps(fields))
        return store_options(Location("uri", protocol, "store"))

    return of


def test_keys_of_aws(options):
    extra = {"region_name": "eu-north-1", "aws_session_token": "token-1"}
    assert options("s3", conn_type="aws", login="key", password="hidden", extra=extra) == {
        "aws_access_key_id": "key",
        "aws_secret_access_key": "hidden",
        "aws_session_token": "token-1",
        "aws_region": "eu-north-1",
    }
    url = "http://127.0.0.1:9000/"
    found = options("s3", conn_type="aws", login="key", password="hidden", extra={"endpoint_url": url})
    assert found["aws_endpoint_url"] == "http://127.0.0.1:9000"
    assert (found["allow_http"], found["aws_region"]) == ("true", "us-east-1")


def test_role_needs_amazons_provider(options):
    with pytest.raises(MinutConfigurationError, match="apache-airflow-providers-amazon"):
        options("s3", conn_type="aws", extra={"role_arn": "arn:aws:iam::1:role/x"})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"login": "account", "password": "key"}, {"account_name": "account", "account_key": "key"}),
        (
            {
                "host": "https://account.blob.core.windows.net/",
                "extra": {"sas_token": "https://h/?sv=1&sig=x"},
            },
            {"account_name": "account", "sas_key": "sv=1&sig=x"},
        ),
        (
            {"host": "account", "login": "client", "password": "hidden", "extra": {"tenant_id": "t"}},
            {"account_name": "account", "client_id": "client", "client_secret": "hidden", "tenant_id": "t"},
        ),
        (
            {"login": "account", "extra": {"extra__wasb__managed_identity_client_id": "m"}},
            {"account_name": "account", "client_id": "m"},
        ),
        (
            {"extra": {"connection_string": "AccountName=a;AccountKey=b==;BlobEndpoint=https://h/a;"}},
            {"account_name": "a", "account_key": "b==", "endpoint": "https://h/a"},
        ),
    ],
)
def test_credentials_of_azure(options, fields, expected):
    found = options("abfss", conn_type="wasb", **fields)
    assert found == {f"azure_storage_{name}": value for name, value in expected.items()}


def test_credentials_of_google(options):
    key = {"client_email": "a@b", "private_key": "hidden"}
    kind = "google_cloud_platform"
    for keyfile in (key, json.dumps(key)):
        found = options("gs", conn_type=kind, extra={"keyfile_dict": keyfile})
        assert json.loads(found["google_service_account_key"]) == key
    found = options("gs", conn_type=kind, extra={"key_path": "/k.json", "gcs.endpoint": "http://h:1"})
    assert found == {
        "google_service_account": "/k.json",
        "google_base_url": "http://h:1",
        "allow_http": "true",
    }
    with pytest.raises(MinutConfigurationError, match="impersonation_chain"):
        options("gs", conn_type=kind, extra={"impersonation_chain": "x"})


@pytest.mark.parametrize("protocol", ["s3", "az", "gs", ""])
def test_without_a_connection_the_worker_has_the_credentials(options, protocol):
    assert store_options(Location("uri", protocol, None)) == {}


def test_text_of_an_error_has_no_secrets():
    options = {"aws_secret_access_key": "5ecret", "aws_region": "eu-north-1"}
    text = "Generic error\n  \x1b[31m↳\x1b[0m 5ecret in eu-north-1\n https://h/c?sv=1&sig=abc%3D&x=1"
    assert redacted(text, options) == "Generic error *** in eu-north-1 https://h/c?sv=1&sig=***&x=1"
