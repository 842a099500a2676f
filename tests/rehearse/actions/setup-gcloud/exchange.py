"""Prints the access token that a federation's file leads to."""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request


def ask(url: str, data: bytes | None = None, **headers: str) -> dict:
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        said = json.load(error)
        sys.exit(f"ERROR: (gcloud) {said.get('error')}: {said.get('error_description')}")


with open(sys.argv[1], encoding="utf-8") as file:
    given = json.load(file)
source = given["credential_source"]
identity = ask(source["url"], **source["headers"])[source["format"]["subject_token_field_name"]]
federated = ask(given["token_url"], urllib.parse.urlencode({"subject_token": identity}).encode())["access_token"]
account = given["service_account_impersonation_url"]
print(ask(account, b"{}", Authorization=f"Bearer {federated}")["accessToken"])
