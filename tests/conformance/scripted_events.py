"""A small CloudWatch Logs, Data Firehose and STS that check every signature with botocore's signer,
hold to the limits that AWS documents (moto to none), and fail as they are told."""

import base64
import json
import time
import urllib.parse

import botocore.auth

import scripted
import scripted_s3

KEY, SECRET = scripted.Server.key, scripted.Server.secret
ROLE_KEY, ROLE_SECRET = "ASIAROLE", "role/SECRET+key"
DAY = 86_400_000  # as CloudWatch Logs has time, in milliseconds


class Refused(Exception):
    """A status and AWS's name of why."""


class Server(scripted.Server):
    """`plan` says what happens to the next PutLogEvents or PutRecordBatch: "ok", "throttled",
    "denied", a status, "lost" (done, and the connection closed), "reset" (closed, not done), "half"
    (done, half an answer), "deleted" (the log group is gone before), "expired" (its retention is over
    for all of them), a list (Firehose refuses these records). Then all is ok. `offered` counts records of Firehose
    in the calls that were not refused as a whole."""

    def __init__(self, plan=()):
        self.groups = {}   # by group, by stream: the calls' lists of (timestamp, message)
        self.streams = {}  # of Firehose: the calls' lists of what was taken
        self.calls, self.signers, self.refused, self.roles = [], [], [], []
        self.offered = 0
        super().__init__(Handler, plan)

    def events(self, group):
        """(stream, timestamp, message) in the order in which they came."""
        return [(stream, *event) for stream, calls in self.groups[group].items()
                for call in calls for event in call]

    # The services' own operations.

    def create_log_group(self, asked):
        if asked["logGroupName"] in self.groups:
            raise Refused(400, "ResourceAlreadyExistsException")
        self.groups[asked["logGroupName"]] = {}
        return {}

    def create_log_stream(self, asked):
        if asked["logGroupName"] not in self.groups:
            raise Refused(400, "ResourceNotFoundException")
        streams = self.groups[asked["logGroupName"]]
        if asked["logStreamName"] in streams:
            raise Refused(400, "ResourceAlreadyExistsException")
        streams[asked["logStreamName"]] = []
        return {}

    def put_log_events(self, asked, retention=14 * DAY):
        events = [(each["timestamp"], each["message"]) for each in asked["logEvents"]]
        times = [each for each, _ in events]
        size = sum(len(message.encode()) + 26 for _, message in events)
        is_wrong = (not 1 <= len(events) <= 10_000 or size > 1_048_576 or times != sorted(times)
                    or times[-1] - times[0] > DAY or any(message == "" for _, message in events))
        if is_wrong:
            raise Refused(400, "InvalidParameterException")
        streams = self.groups.get(asked["logGroupName"], {})
        if asked["logStreamName"] not in streams:
            raise Refused(400, "ResourceNotFoundException")
        now = time.time() * 1000
        old = sum(each < now - retention for each in times)
        new = sum(each > now + 2 * 3_600_000 for each in times)
        streams[asked["logStreamName"]].append(events[old:len(events) - new])
        rejected = {}
        if old:
            rejected["tooOldLogEventEndIndex"] = old
        if new:
            rejected["tooNewLogEventStartIndex"] = len(events) - new
        return {"rejectedLogEventsInfo": rejected} if rejected else {}

    def put_record_batch(self, asked, refusing=()):
        records = [base64.b64decode(each["Data"], validate=True) for each in asked["Records"]]
        is_wrong = (not 1 <= len(records) <= 500 or sum(map(len, records)) > 4 << 20
                    or any(len(each) > 1_024_000 for each in records))
        if is_wrong:
            raise Refused(400, "InvalidArgumentException")
        self.offered += len(records)
        calls = self.streams.setdefault(asked["DeliveryStreamName"], [])
        calls.append([each for i, each in enumerate(records) if i not in refusing])
        return {"FailedPutCount": len(refusing), "RequestResponses": [
            {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}
            if i in refusing else {"RecordId": str(i)} for i in range(len(records))]}

    def assume_role(self, form):
        self.roles.append(form["RoleArn"])
        return (f"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{ROLE_KEY}</AccessKeyId>"
                f"<SecretAccessKey>{ROLE_SECRET}</SecretAccessKey><SessionToken>token</SessionToken>"
                "<Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>"
                "</AssumeRoleResponse>")


OPERATIONS = {"Logs_20140328.CreateLogGroup": Server.create_log_group,
              "Logs_20140328.CreateLogStream": Server.create_log_stream,
              "Logs_20140328.PutLogEvents": Server.put_log_events,
              "Firehose_20150804.PutRecordBatch": Server.put_record_batch}


class Handler(scripted.Handler):
    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def refuse(self, status, code):
        self.answer(status, json.dumps({"__type": f"com.amazonaws#{code}", "message": "as told"}))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            keys = {KEY: SECRET, ROLE_KEY: ROLE_SECRET}
            if not scripted_s3.is_signed_well(self, body, keys, botocore.auth.SigV4Auth):
                self.server.refused.append(self.headers["X-Amz-Target"])
                return self.refuse(400, "InvalidSignatureException")
            self.server.signers.append(self.headers["Authorization"].split("Credential=")[1].split("/")[0])
            target = self.headers["X-Amz-Target"]
            if target is None:
                return self.answer(200, self.server.assume_role(dict(urllib.parse.parse_qsl(body.decode()))))
            self.server.calls.append(target.split(".")[1])
            return self.do_operation(OPERATIONS[target], json.loads(body))

    def do_operation(self, operation, asked):
        is_put = operation in (Server.put_log_events, Server.put_record_batch)
        step = self.server.plan.pop(0) if is_put and self.server.plan else "ok"
        if step == "throttled":
            return self.refuse(400, "ThrottlingException")
        if step == "denied":
            return self.refuse(400, "AccessDeniedException")
        if isinstance(step, int):
            return self.refuse(step, "ServiceUnavailableException" if step == 503 else "InternalFailure")
        if step == "reset":
            return self.close_connection_now()
        if step == "deleted":
            self.server.groups.clear()
        more = [step] if isinstance(step, list) else [-DAY] if step == "expired" else []
        try:
            answer = operation(self.server, asked, *more)
        except Refused as why:
            return self.refuse(*why.args)
        if step == "half":
            return self.answer_half()
        if step == "lost":
            return self.close_connection_now()
        return self.answer(200, json.dumps(answer) if is_put else "")
