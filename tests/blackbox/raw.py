"""Requests that no SDK would send."""

import datetime
import http.client
import json
import urllib.parse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

TARGETS = {
    "kinesis": ("Kinesis_20131202", "1.1"),
    "firehose": ("Firehose_20150804", "1.1"),
    "glue": ("AWSGlue", "1.1"),
    "athena": ("AmazonAthena", "1.1"),
}


def signed(server, service: str, url: str, body: bytes, headers: dict, at: datetime.datetime | None = None,
           key: tuple[str, str] | None = None, region: str = "us-east-1") -> dict:
    """The headers of a signed request; `at` moves the signer's clock."""
    credentials = Credentials(*(key or (server.credentials["AWS_ACCESS_KEY_ID"],
                                        server.credentials["AWS_SECRET_ACCESS_KEY"])))
    request = AWSRequest("POST", url, data=body, headers=headers)
    signer = SigV4Auth(credentials, service, region)
    if at is None:
        signer.add_auth(request)
    else:
        request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
        signer._modify_request_before_signing(request)
        request.headers["X-Amz-Date"] = request.context["timestamp"]
        canonical = signer.canonical_request(request)
        to_sign = signer.string_to_sign(request, canonical)
        signer._inject_signature_to_request(request, signer.signature(to_sign, request))
    return dict(request.headers.items())


def send(server, headers: dict, body: bytes, method: str = "POST", path: str = "/") -> tuple[int, dict, bytes]:
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.endpoint).netloc, timeout=30)
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def call(server, service: str, operation: str, body, **signing) -> tuple[int, str, str]:
    """Status, error code and message of a JSON call; `body` is an object or raw bytes."""
    prefix, version = TARGETS[service]
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": f"{prefix}.{operation}"}
    status, _, answer = send(server, signed(server, service, server.endpoint + "/", raw, headers, **signing), raw)
    parsed = json.loads(answer) if answer else {}
    code = parsed.get("__type", "").rsplit("#")[-1]
    return status, code, parsed.get("message") or parsed.get("Message") or ""
