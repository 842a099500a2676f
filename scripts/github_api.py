"""The few calls of GitHub's API that the scripts make, with retries where trying again can help."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request

TRIES = 4


class Refused(Exception):
    """What GitHub answered instead of what was asked for."""


class GitHub:
    """One repository, as GITHUB_TOKEN, GITHUB_REPOSITORY and GITHUB_API_URL name it."""

    def __init__(self, pause_s: float = 1) -> None:
        url = os.environ.get("GITHUB_API_URL", "https://api.github.com")
        try:
            self.token = os.environ["GITHUB_TOKEN"]
            self.base = f"{url.rstrip('/')}/repos/{os.environ['GITHUB_REPOSITORY']}"
        except KeyError as missing:
            raise ValueError(f"{missing} is not set") from missing
        self.pause_s = pause_s

    def call(self, method: str, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, method=method)
        request.add_header("Accept", "application/vnd.github+json")
        request.add_header("X-GitHub-Api-Version", "2022-11-28")
        request.add_header("User-Agent", "iris-scripts")
        # Unredirected: the token stays with the server that it is for.
        request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        for attempt in range(1, TRIES + 1):
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    return json.load(response)
            except urllib.error.HTTPError as error:
                passing = error.code == 429 or error.code >= 500
                said = error.read(500).decode(errors="replace")
                problem = f"{method} {path.split('?')[0]}: {error.code}: {said}"
            except (urllib.error.URLError, TimeoutError, json.JSONDecodeError) as error:
                # What a POST made may stand although its answer was lost.
                passing = method != "POST"
                problem = f"{method} {path.split('?')[0]}: {error}"
            if not passing or attempt == TRIES:
                raise Refused(problem)
            time.sleep(self.pause_s * 2**attempt)
