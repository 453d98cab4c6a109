"""Real servers of object stores on loopback, without persistence: S3 (moto), Azure (Azurite), GCS (an emulator)."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.servers import free_port

# The public key of the account that every Azurite has.
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
BUCKET = "minut-bucket"


def azurite_command():
    """Return the command of Azurite, which `npm install` puts below `AZURITE_FOLDER`; ``None`` without it."""
    folder = Path(os.environ.get("AZURITE_FOLDER", Path.home() / ".cache" / "azurite"))
    return shutil.which("azurite-blob", path=str(folder / "node_modules" / ".bin"))


class StoreServer:
    """A server of an object store with one empty bucket, in its own process."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                break
            assert self.process.poll() is None, f"{type(self).__name__} ended"
            assert time.monotonic() < end, f"{type(self).__name__} did not start"
            time.sleep(0.05)
        self.create_bucket()

    def stop(self):
        self.process.kill()
        self.process.wait(30)


class S3Server(StoreServer):
    """Moto's server of S3."""

    def command(self):
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    def create_bucket(self):
        self.client().create_bucket(Bucket=BUCKET)

    def client(self):
        import boto3

        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "s3-hidden-value"}
        return boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", **keys)

    def names(self):
        return [item["Key"] for item in self.client().list_objects_v2(Bucket=BUCKET).get("Contents", ())]

    def content(self, name):
        return self.client().get_object(Bucket=BUCKET, Key=name)["Body"].read()

    @property
    def connection(self):
        extra = {"endpoint_url": self.url, "region_name": "us-east-1"}
        return {"conn_type": "aws", "login": "key", "password": "s3-hidden-value", "extra": extra}

    def filesystem(self):
        import s3fs

        return s3fs.S3FileSystem(key="key", secret="s3-hidden-value", endpoint_url=self.url)


class AzureServer(StoreServer):
    """Azurite's server of blobs."""

    def command(self):
        options = ["--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        return [azurite_command(), "--blobHost", "127.0.0.1", "--blobPort", str(self.port), *options]

    @property
    def connection_string(self):
        account = f"AccountName=devstoreaccount1;AccountKey={AZURITE_KEY}"
        return f"DefaultEndpointsProtocol=http;{account};BlobEndpoint={self.url}/devstoreaccount1;"

    def create_bucket(self):
        from azure.storage.blob import BlobServiceClient

        BlobServiceClient.from_connection_string(self.connection_string).create_container(BUCKET)

    def container(self):
        from azure.storage.blob import ContainerClient

        return ContainerClient.from_connection_string(self.connection_string, BUCKET)

    def names(self):
        return sorted(self.container().list_blob_names())

    def content(self, name):
        return self.container().download_blob(name).readall()

    @property
    def connection(self):
        return {"conn_type": "wasb", "extra": {"connection_string": self.connection_string}}

    def filesystem(self):
        import adlfs

        return adlfs.AzureBlobFileSystem(connection_string=self.connection_string)


class GcsServer(StoreServer):
    """The emulator of GCS; it has the JSON API, not the XML API that delta-rs uses."""

    def command(self):
        code = "from gcp_storage_emulator.__main__ import main; main()"
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--in-memory", "--default-bucket", BUCKET]
        return [sys.executable, "-c", code, "start", *options]

    def create_bucket(self):
        pass  # the default bucket

    def names(self):
        return [name.partition("/")[2] for name in self.filesystem().find(BUCKET)]

    def content(self, name):
        return self.filesystem().cat_file(f"{BUCKET}/{name}")

    def filesystem(self):
        from gcsfs.core import GCSFileSystem  # the package's own asks for kinds of buckets by gRPC

        return GCSFileSystem(
            endpoint_url=self.url, token="anon", project="p", skip_instance_cache=True, cache_timeout=0
        )
