"""A small S3 server that checks every signature with botocore's signer, and fails as it is told."""

import datetime
import email.utils
import threading
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
    `hangs` is cleared, not done). Then all is ok. `port` and `objects` are those of a server that was
    there before."""

    def __init__(self, plan=(), ahead=datetime.timedelta(), port=0, objects=None):
        self.ahead = ahead
        self.hangs = threading.Event()
        self.objects = {} if objects is None else objects
        self.requests, self.refused, self.policy = [], [], None
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
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", headers.pop("length", None) or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code):
        self.answer(status, f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode())

    def is_on_time(self):
        signed = datetime.datetime.strptime(self.headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
        signed = signed.replace(tzinfo=datetime.timezone.utc)
        return abs(signed - self.server.now()) < datetime.timedelta(minutes=15)

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            self.server.requests.append((self.command, self.path))
            if not self.is_on_time():
                return self.refuse(403, "RequestTimeTooSkewed")
            if not is_signed_well(self, body):
                self.server.refused.append((self.command, self.path))
                return self.refuse(403, "SignatureDoesNotMatch")
            if "?" in self.path:
                return self.handle_policy(body)
            return self.handle_object(urllib.parse.unquote(self.path), body)

    def handle_policy(self, body):
        if self.command == "PUT":
            self.server.policy = body
            return self.answer(204)
        if self.server.policy is None:
            return self.refuse(404, "NoSuchBucketPolicy")
        return self.answer(200, self.server.policy)

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
        step = self.server.plan.pop(0) if self.server.plan else "ok"
        if isinstance(step, int):
            codes = {503: "SlowDown", 403: "AccessDenied", 404: "NoSuchBucket"}
            return self.refuse(step, codes.get(step, "InternalError"))
        if step == "hang":
            # The lock is the server's: others are answered meanwhile.
            self.server.lock.release()
            self.server.hangs.wait()
            self.server.lock.acquire()
            return self.close_connection_now()
        if step == "reset":
            return self.close_connection_now()
        if self.headers.get("If-None-Match") == "*" and there is not None:
            return self.refuse(412, "PreconditionFailed")
        self.server.objects[path] = body
        if step == "half":
            return self.answer_half()
        if step == "lost":
            return self.close_connection_now()
        return self.answer(200)

    do_GET = do_PUT = do_HEAD = do_DELETE = handle_any
