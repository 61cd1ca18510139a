"""What the tests over sockets share."""

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for `pbx.example`, which is its own authority."""
    if not shutil.which("openssl"):
        pytest.skip("needs the program openssl")
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=pbx.example"
    extra = ["-addext", "subjectAltName=DNS:pbx.example"]
    subprocess.run([*command.split(), *extra], cwd=folder, check=True, capture_output=True)
    return folder
