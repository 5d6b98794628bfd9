"""A small S3 server that checks every signature with botocore's signer, and fails as it is told."""

import datetime
import email.utils
import hashlib
import threading
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

import scripted

KEY, SECRET = scripted.Server.key, scripted.Server.secret


def is_signed_well(handler, body, keys=None, signing=botocore.auth.S3SigV4Auth):
    """The signature that botocore makes of what arrived, compared with the one that came along."""
    algorithm, _, rest = handler.headers["Authorization"].partition(" ")
    parts = dict(each.strip().split("=", 1) for each in rest.split(","))
    key, _, region, service, _ = parts["Credential"].split("/")
    signed = parts["SignedHeaders"].split(";")
    path, _, query = handler.path.partition("?")
    # Decoded and encoded again, as a server does that knows keys only.
    path = urllib.parse.quote(urllib.parse.unquote(path, errors="strict"), safe="/-._~")
    request = botocore.awsrequest.AWSRequest(
        method=handler.command, url=f"http://{handler.headers['Host']}{path}", data=body,
        params=dict(urllib.parse.parse_qsl(query, keep_blank_values=True)),
        headers={name: handler.headers[name] for name in signed})
    request.context["timestamp"] = handler.headers["x-amz-date"]
    secret = (keys or {KEY: SECRET}).get(key, "nobody's")
    signer = signing(botocore.credentials.Credentials(key, secret), service, region)
    canonical = signer.canonical_request(request)
    expected = signer.signature(signer.string_to_sign(request, canonical), request)
    return algorithm == "AWS4-HMAC-SHA256" and parts["Signature"] == expected


class Server(scripted.Server):
    """`plan` says what happens to the next PUTs of objects: "ok", a status, "lost" (done, and the
    connection closed), "reset" (closed, not done), "half" (half an answer), "hang" (no answer until
    `hangs` is set, not done). Then all is ok. `port` and `objects` are those of a server that was
    there before. `pause` is how long an upload takes before its object is stored, and again before that is
    answered: `asked` has the uploads that came, `answered` those that were told that it is there. `cut` is how many requests ended
    in their middle.

    It also lists and hands out what is in `objects`, by ranges too. `faults` says what happens to the next
    GETs of an object ("/bucket/key") or to the next listings of a prefix ("/bucket?prefix"): a status, "cut"
    (half of the body, and the connection closed), "whole" (whatever range was asked for), "hang", "reset". What
    it handed out of objects is in `sent`: path, first byte and how many.

    Requests that are signed for another region than `region`, if it has one, are told of it in a "header" or in the
    "body" (`names_region_in`); which regions they were signed for is in `signed_for`. Where the bucket is another
    account's (`is_anothers`), nobody may look at its policy."""

    page_size = 1000
    words = "as told"  # of its refusals, in XML

    def __init__(self, plan=(), ahead=datetime.timedelta(), port=0, objects=None):
        self.ahead = ahead
        self.faults = {}
        self.hangs = threading.Event()
        self.objects = {} if objects is None else objects
        self.requests, self.refused, self.policy = [], [], None
        self.region, self.names_region_in, self.signed_for = None, "header", []
        self.is_anothers = False
        self.sent = []
        self.pause, self.asked, self.answered, self.cut = 0, set(), set(), 0
        super().__init__(Handler, plan, port)

    def stop(self):
        self.hangs.set()
        super().stop()

    def now(self):
        return datetime.datetime.now(datetime.timezone.utc) + self.ahead


class Handler(scripted.Handler):
    def date_time_string(self, timestamp=None):
        return email.utils.format_datetime(self.server.now(), usegmt=True)

    def answer(self, status, body=b"", **headers):
        length = headers.pop("length", None) or str(len(body))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code):
        self.answer(status, f"<Error><Code>{code}</Code><Message>{self.server.words}</Message></Error>".encode())

    def is_on_time(self):
        signed = datetime.datetime.strptime(self.headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
        signed = signed.replace(tzinfo=datetime.timezone.utc)
        return abs(signed - self.server.now()) < datetime.timedelta(minutes=15)

    def handle_any(self):
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        with self.server.lock:
            if len(body) != size:  # who sent it was killed meanwhile: nothing of it counts
                self.server.cut += 1
                return self.close_connection_now()
            self.server.requests.append((self.command, self.path))
            if not self.is_on_time():
                return self.refuse(403, "RequestTimeTooSkewed")
            if not is_signed_well(self, body, {self.server.key: self.server.secret}):
                self.server.refused.append((self.command, self.path))
                return self.refuse(403, "SignatureDoesNotMatch")
            region = self.headers["Authorization"].split("Credential=")[1].split("/")[2]
            self.server.signed_for.append(region)
            if self.server.region not in (None, region):
                return self.name_region()
            if self.command == "GET" and "list-type=2" in self.path:
                return self.handle_list()
            if "?" in self.path:
                return self.handle_policy(body)
            if self.command == "GET":
                return self.handle_get(urllib.parse.unquote(self.path))
            return self.handle_object(urllib.parse.unquote(self.path), body)

    def name_region(self):
        if self.server.names_region_in == "header":
            return self.answer(301, b"<Error><Code>PermanentRedirect</Code></Error>",
                               **{"x-amz-bucket-region": self.server.region})
        return self.answer(400, b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>"
                           + self.server.region.encode() + b"</Region></Error>")

    def handle_policy(self, body):
        if self.server.is_anothers:
            return self.refuse(405, "MethodNotAllowed")
        if self.command == "PUT":
            self.server.policy = body
            return self.answer(204)
        if self.server.policy is None:
            return self.refuse(404, "NoSuchBucketPolicy")
        return self.answer(200, self.server.policy)

    def fail(self, steps, missing="NoSuchKey"):
        """Does the next of `steps`: nothing is left to be done then. Else the step, for the caller to do."""
        step = steps.pop(0) if steps else "ok"
        if isinstance(step, int):
            codes = {503: "SlowDown", 403: "AccessDenied", 404: missing, 400: "ExpiredToken"}
            self.refuse(step, codes.get(step, "InternalError"))
        elif step == "hang":
            self.wait(self.server.hangs.wait)
            self.close_connection_now()
        elif step == "reset":
            self.close_connection_now()
        else:
            return step
        return None

    def wait(self, until):
        self.server.lock.release()  # the lock is the server's: others are answered meanwhile
        until()
        self.server.lock.acquire()

    def take_its_time(self):
        if self.server.pause:
            self.wait(lambda: time.sleep(self.server.pause))

    def handle_list(self):
        """Pages of `page_size` keys and prefixes, in the order of their bytes."""
        path, _, query = self.path.partition("?")
        asked = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        bucket = urllib.parse.unquote(path).strip("/")
        prefix, delimiter = asked["prefix"], asked.get("delimiter", "")
        step = self.fail(self.server.faults.get(f"/{bucket}?{prefix}"))
        if not step:
            return None
        keys = {name.split("/", 2)[2]: name for name in self.server.objects if name.startswith(f"/{bucket}/")}
        if not keys:
            return self.refuse(404, "NoSuchBucket")
        found = {}
        for key in sorted(key for key in keys if key.startswith(prefix)):
            rest = key[len(prefix):]
            if delimiter and delimiter in rest:
                found[prefix + rest.split(delimiter)[0] + delimiter] = None
            else:
                found[key] = self.server.objects[keys[key]]
        names = sorted(found)
        start = int(asked.get("continuation-token", "0"))
        page = names[start:start + self.server.page_size]
        is_last = start + len(page) == len(names)
        quote = lambda name: urllib.parse.quote(name, safe="/")
        parts = [f"<CommonPrefixes><Prefix>{quote(name)}</Prefix></CommonPrefixes>" if found[name] is None else
                 f"<Contents><Key>{quote(name)}</Key><Size>{len(found[name])}</Size>"
                 f'<ETag>"{hashlib.md5(found[name]).hexdigest()}"</ETag></Contents>' for name in page]
        body = ("<ListBucketResult><EncodingType>url</EncodingType>" + "".join(parts) +
                ("" if is_last else f"<NextContinuationToken>{start + len(page)}</NextContinuationToken>") +
                f"<IsTruncated>{str(not is_last).lower()}</IsTruncated></ListBucketResult>").encode()
        return self.answer_by(step, 200, body)

    def handle_get(self, path):
        step = self.fail(self.server.faults.get(path))
        if not step:
            return None
        there = self.server.objects.get(path)
        if there is None:
            return self.refuse(404, "NoSuchKey")
        etag = f'"{hashlib.md5(there).hexdigest()}"'
        if self.headers.get("If-Match") not in (None, etag):
            return self.refuse(412, "PreconditionFailed")
        status, part, first, headers = 200, there, 0, {"ETag": etag}
        if "Range" in self.headers and step != "whole":
            first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
            status, part = 206, there[first:last + 1]
            headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(there)}"
        self.server.sent.append((path, first, len(part)))
        return self.answer_by(step, status, part, **headers)

    def answer_by(self, step, status, body, **headers):
        if step != "cut":
            return self.answer(status, body, **headers)
        self.answer(status, body[:len(body) // 2], length=str(len(body)), **headers)
        return self.close_connection_now()

    def handle_object(self, path, body):
        there = self.server.objects.get(path)
        if self.command == "HEAD":
            if there is None:
                return self.answer(404)
            self.send_response(200)
            self.send_header("Content-Length", str(len(there)))
            return self.end_headers()
        if self.command == "DELETE":
            self.server.objects.pop(path, None)
            return self.answer(204)
        self.server.asked.add(path)
        step = self.fail(self.server.plan, missing="NoSuchBucket")
        if not step:
            return None
        self.take_its_time()
        if self.headers.get("If-None-Match") == "*" and path in self.server.objects:
            self.server.answered.add(path)
            return self.refuse(412, "PreconditionFailed")
        self.server.objects[path] = body
        self.take_its_time()
        if step == "half":
            return self.answer_half()
        if step == "lost":
            return self.close_connection_now()
        self.server.answered.add(path)
        return self.answer(200)

    do_GET = do_PUT = do_HEAD = do_DELETE = handle_any
