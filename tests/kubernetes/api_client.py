"""A client of the API server for Python, for what kubectl is too slow for: one connection a thread."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

MERGE = "application/merge-patch+json"


class ApiError(Exception):
    """The server's refusal, in its words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Api:
    """Paths are those of the API; objects are dictionaries."""

    def __init__(self, port: int, authority: Path, token: str) -> None:
        self.port, self.token = port, token
        self.tls = ssl.create_default_context(cafile=str(authority))
        self.local = threading.local()

    def connect(self, timeout_s: float = 30) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout_s, context=self.tls)

    def request(self, method: str, path: str, body: dict | None = None, kind: str = "application/json") -> dict:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind, "Accept": "application/json"}
        data = None if body is None else json.dumps(body)
        for attempt in (1, 2):
            connection = getattr(self.local, "connection", None) or self.connect()
            self.local.connection = connection
            try:
                connection.request(method, path, data, headers)
                response = connection.getresponse()
                text = response.read()
                break
            except (http.client.HTTPException, OSError):
                # The server closes a connection that was idle.
                connection.close()
                self.local.connection = None
                if attempt == 2:
                    raise
        if response.status >= 300:
            raise ApiError(response.status, text.decode(errors="replace")[:2000])
        try:
            return json.loads(text)
        except ValueError:
            return {"text": text.decode(errors="replace")}

    def get(self, path: str) -> dict:
        return self.request("GET", path)

    def find(self, path: str) -> dict | None:
        """An object, or none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list(self, path: str, selector: str = "") -> list[dict]:
        query = f"?labelSelector={urllib.parse.quote(selector)}" if selector else ""
        return self.get(path + query)["items"]

    def create(self, path: str, body: dict) -> dict:
        return self.request("POST", path, body)

    def patch(self, path: str, body: dict) -> dict:
        return self.request("PATCH", path, body, MERGE)

    def delete(self, path: str, grace_s: int | None = None) -> None:
        body = {} if grace_s is None else {"gracePeriodSeconds": grace_s}
        self.request("DELETE", path, body)

    def watch(self, path: str, seconds: int) -> Iterator[dict]:
        """Every change from now on, for at most that long, on a connection of its own."""
        connection = self.connect(seconds + 30)
        try:
            headers = {"Authorization": f"Bearer {self.token}"}
            connection.request("GET", f"{path}?watch=true&timeoutSeconds={seconds}", headers=headers)
            for line in connection.getresponse():
                yield json.loads(line)
        finally:
            connection.close()
