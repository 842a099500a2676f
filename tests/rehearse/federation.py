"""Google Cloud's side of a sign-in, in small: GitHub's identity token, its exchange for one of Google's, the
impersonation of the service account, and a bucket that wants the result.

`iris` takes part in it for real: the stand-in of google-github-actions/auth writes it the same file that the
real action writes, with these addresses.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

from parts import Quiet, serving

STALE = "ID Token issued at 1700000000 is stale to sign-in."
CONDITION = "The given credential is rejected by the attribute condition."
ANONYMOUS = "Anonymous caller does not have storage.objects.get access to the Google Cloud Storage object."
DROPPED = {"host", "connection", "content-length", "transfer-encoding"}


class State:
    """What was handed out, and whether GitHub's tokens have expired."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self.federated: set[str] = set()
        self.access: set[str] = set()
        self.expired = False


def identity_token(ref: str) -> str:
    """The claim that Google's condition reads; nobody signs it here."""
    return base64.urlsafe_b64encode(json.dumps({"ref": ref}).encode()).decode()


def handler_of(state: State) -> type[Quiet]:
    class Handler(Quiet):
        def do_GET(self) -> None:
            url = urllib.parse.urlparse(self.path)
            if url.path != "/identity":
                return self.storage()
            self.answer(200, {"value": identity_token(urllib.parse.parse_qs(url.query)["ref"][0])})

        def do_POST(self) -> None:
            if self.path == "/token":
                return self.exchange(dict(urllib.parse.parse_qsl(self.body().decode())))
            if self.path == "/impersonate":
                return self.impersonate()
            self.storage()

        def exchange(self, form: dict[str, str]) -> None:
            ref = json.loads(base64.urlsafe_b64decode(form["subject_token"]))["ref"]
            if state.expired:
                return self.answer(400, {"error": "invalid_grant", "error_description": STALE})
            if ref != "refs/heads/main":
                return self.answer(400, {"error": "unauthorized_client", "error_description": CONDITION})
            state.federated.add(token := secrets.token_hex(16))
            self.answer(200, {"access_token": token, "expires_in": 3600})

        def impersonate(self) -> None:
            self.body()
            if self.bearer() not in state.federated:
                return self.answer(401, {"error": {"code": 401, "message": "Request had invalid authentication"}})
            state.access.add(token := secrets.token_hex(16))
            ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
            self.answer(200, {"accessToken": token, "expireTime": ends.strftime("%Y-%m-%dT%H:%M:%SZ")})

        def bearer(self) -> str:
            return self.headers.get("Authorization", "").removeprefix("Bearer ")

        def storage(self) -> None:
            """The bucket behind its rights."""
            content = self.body()
            if self.bearer() not in state.access:
                return self.answer(401, {"error": {"code": 401, "message": ANONYMOUS}})
            kept = {name: value for name, value in self.headers.items() if name.lower() not in DROPPED}
            request = urllib.request.Request(state.bucket + self.path, content or None, kept, method=self.command)
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    self.pass_on(response)
            except urllib.error.HTTPError as error:
                self.pass_on(error)

        def pass_on(self, response) -> None:
            content = response.read()
            self.send_response(response.status)
            for name, value in response.headers.items():
                if name.lower() not in DROPPED:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PUT = do_PATCH = do_DELETE = storage

    return Handler


@contextlib.contextmanager
def google(bucket: str) -> Iterator[State]:
    """`url` serves all of it; `bucket` is the emulator's, where nobody asks for a token."""
    state = State(bucket)
    with serving(handler_of(state)) as server:
        state.url = server.url
        yield state
