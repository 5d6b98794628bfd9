"""Random requests, signed by us and by botocore."""

import datetime
import json
import os
import pathlib
import random
import subprocess
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

LETTERS = [chr(code) for code in range(0x20, 0x7f)] + list("äé漢😀\u200b")


def text(chosen, most, letters=LETTERS, least=0):
    return "".join(chosen.choices(letters, k=chosen.randint(least, most)))


def made_up(chosen, number):
    is_s3 = chosen.random() < 0.7
    return {
        "method": chosen.choice(["GET", "PUT", "POST", "DELETE", "HEAD"]),
        "endpoint": chosen.choice(["https://s3.eu-west-1.amazonaws.com", "http://127.0.0.1:9000",
                                   "http://[::1]:80", "https://host:8443"]),
        "path": "/" + text(chosen, 30, LETTERS + ["/", ".", ".."] * 5) if is_s3 else "/",
        "query": [[text(chosen, 8, least=1), text(chosen, 12)] for _ in range(chosen.randint(0, 5))],
        "headers": [[f"x-amz-{name}", text(chosen, 20, LETTERS[:95], least=1)]
                    for name in ("acl", "Meta-B", "a")[:chosen.randint(0, 3)]],
        "body": text(chosen, 40), "key": f"AKID{number}", "secret": text(chosen, 40, least=8),
        "token": chosen.choice(["", text(chosen, 50, LETTERS[1:95], least=1)]),
        "region": chosen.choice(["us-east-1", "cn-north-1"]), "service": "s3" if is_s3 else "logs",
        "time": chosen.randint(10**9, 2 * 10**9)}


def by_botocore(made):
    query = urllib.parse.urlencode([tuple(pair) for pair in made["query"]], quote_via=urllib.parse.quote, safe="-._~")
    url = made["endpoint"] + urllib.parse.quote(made["path"], safe="/-._~") + ("?" + query if query else "")
    request = botocore.awsrequest.AWSRequest(
        method=made["method"], url=url, data=made["body"].encode(), headers=dict(made["headers"]))
    kind = botocore.auth.S3SigV4Auth if made["service"] == "s3" else botocore.auth.SigV4Auth
    signer = kind(botocore.credentials.Credentials(made["key"], made["secret"], made["token"] or None),
                  made["service"], made["region"])
    time = datetime.datetime.fromtimestamp(made["time"], datetime.timezone.utc)
    stamp = time.strftime("%Y%m%dT%H%M%SZ")
    request.context["timestamp"] = stamp
    request.context["payload_signing_enabled"] = True
    request.headers["Host"] = urllib.parse.urlsplit(url).netloc.removesuffix(":80")
    request.headers["X-Amz-Date"] = stamp
    if made["token"]:
        request.headers["X-Amz-Security-Token"] = made["token"]
    if made["service"] == "s3":
        request.headers["X-Amz-Content-SHA256"] = signer.payload(request)
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    names = signer.signed_headers(signer.headers_to_sign(request))
    return (f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, "
            f"Signature={signature}"), canonical


def test_a_thousand_random_requests_have_botocores_signature(program):
    signer = pathlib.Path(program).parent / "sign_requests"
    if not os.access(signer, os.X_OK):
        pytest.skip(f"{signer} is not built: `tools/build release` builds it")
    chosen = random.Random(20150830)
    requests = [made_up(chosen, number) for number in range(1000)]
    ours = subprocess.run([signer], input=json.dumps(requests), capture_output=True, text=True,
                          check=True).stdout.splitlines()
    assert len(ours) == len(requests)
    for made, signed in zip(requests, ours):
        expected, canonical = by_botocore(made)
        assert signed == expected, f"{made}\n{canonical}"
