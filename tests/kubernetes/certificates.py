"""The certificates of one cluster: an authority and what it signs, for a day."""

from __future__ import annotations

import subprocess
from pathlib import Path


def openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")


class Authority:
    """Signs for loopback; every key stays in its folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.certificate = folder / f"{name}.crt"
        self.key = folder / f"{name}.key"
        self._request(self.certificate, self.key, f"/CN={name}", "basicConstraints=critical,CA:TRUE")

    @staticmethod
    def _request(certificate: Path, key: Path, subject: str, *extensions: str, more: tuple[str, ...] = ()) -> None:
        command = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
        command += ["-days", "1", "-subj", subject, "-out", str(certificate), "-keyout", str(key)]
        for extension in extensions:
            command += ["-addext", extension]
        openssl(*command, *more)
        key.chmod(0o600)

    def sign(self, name: str, common_name: str, names: tuple[str, ...] = ("localhost",)) -> tuple[Path, Path]:
        """Certificate and key, for a server of these names and for a client of that common name."""
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        alternatives = ",".join(["IP:127.0.0.1", *(f"DNS:{each}" for each in names)])
        extensions = (f"subjectAltName={alternatives}", "extendedKeyUsage=serverAuth,clientAuth")
        extensions += ("basicConstraints=critical,CA:FALSE",)
        more = ("-CA", str(self.certificate), "-CAkey", str(self.key))
        self._request(certificate, key, f"/CN={common_name}", *extensions, more=more)
        return certificate, key


def signing_key(folder: Path) -> Path:
    """What service accounts' tokens are signed with."""
    path = folder / "service-accounts.key"
    # Not genpkey: kube-apiserver takes no public key out of PKCS #8.
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path))
    path.chmod(0o600)
    return path
