"""Random `~/.aws` and variables: whose credentials, in which region, and by which calls of STS, found by us and by
botocore, which is the AWS CLI's. `WEIR_CASES=20000 WEIR_SEED=1` tries more and others."""

import json
import os
import pathlib
import random
import subprocess
import urllib.parse

import botocore.awsrequest
import botocore.handlers
import botocore.loaders
import botocore.session
import botocore.utils
import pytest

CASES = int(os.environ.get("WEIR_CASES", "1000"))
SEED = int(os.environ.get("WEIR_SEED", "20261126"))
NAMES = ["default", "a", "b", "c d"]
# Where version 2 of the CLI differs from botocore by itself.
CLI_VARIABLES = {"profile": (None, ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"], None, None),
                 "region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)}
ROLE = "arn:aws:iam::123456789012:role/"
ODD_LINES = ["", "   ", "# no", "; no", "  # no", "\t; no"]
BLOCK = "\n     addressing_style = path\n\n     # no\n     payload_signing_enabled=true"
WRONG_LINES = ["  more of it", "  a = b", "no setting", "= none", "[", "region =\n  eu-west-1", "[a]", "region: x-1"]


class MadeUp:
    """One home with its files and variables. What is odd is rare, so that most have credentials all the same."""

    def __init__(self, chosen, home):
        self.chosen, self.home, self.count = chosen, home, 0
        (home / ".aws").mkdir(parents=True)
        (home / "token").write_text("a.b.c")
        self.variables = {"HOME": str(home), "PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"}
        self.write("config", "AWS_CONFIG_FILE", self.text(self.config_header, self.config))
        self.write("credentials", "AWS_SHARED_CREDENTIALS_FILE", self.text(self.credentials_header, self.credentials))
        self.profile = self.name() if self.is_so(0.4) else ""
        self.choose_variables()

    def is_so(self, probability):
        return self.chosen.random() < probability

    def one_of(self, usual, *odd):
        """Mostly what is usual."""
        return self.chosen.choice(odd) if self.is_so(0.05) else usual

    def name(self):
        return self.chosen.choice(NAMES)

    def new(self, what):
        self.count += 1
        return f"{what.upper()}{self.count}"

    def secret(self):
        return self.new("secret") + self.one_of("", "/+=", " # x", ";y", "=:", '"q"', "é", "%(x)s", "\\")

    def write(self, name, variable, text):
        path = self.home / ".aws" / name
        if self.is_so(0.1):
            path = self.home / ("other " + name)
            self.variables[variable] = self.chosen.choice(["~/", "$HOME/", "${HOME}/", f"{self.home}/"]) + path.name
        elif self.is_so(0.03):
            self.variables[variable] = self.chosen.choice(
                ["/not/there", "$NOT_THERE/x", "${HOME", "${}", "$", "a$", "${HOME$HOME/.aws/" + name, "/dev/null"])
        if self.is_so(0.95):
            path.write_text(text, newline=self.one_of("\n", "\r\n", "\r"))

    def config_header(self, name):
        quoted = f'"{name}"' if " " in name else name
        return self.one_of(
            "[default]" if name == "default" and self.is_so(0.8) else f"[profile {quoted}]",
            f"[profile '{name}']", f'[profile "{name}"]', f"[profile\t{quoted}]", f"[profile  {quoted} ]",
            f"[ profile {quoted}]", f"[profile{quoted}]", f"[profile {quoted}] # why", f"  [profile {quoted}]",
            f"[{name}]", f"[profile {quoted} more]", "[DEFAULT]", f"[profile {quoted}]]", f"[profile {name}",
            f"[profilex {quoted}]", f"[profile \\{name}]", f'[profile "\\{name}"]', f"[profile '{name}]")

    def credentials_header(self, name):
        return self.one_of(f"[{name}]", f"[ {name} ]", f'["{name}"]', f"[profile {name}]", f"  [{name}]", f"[{name}];",
                           "[DEFAULT]", f"[{name}", "[]", "[]]")

    def keys(self, settings):
        if self.is_so(0.97):
            settings["aws_access_key_id"] = self.new("akid")
        if self.is_so(0.97):
            settings["aws_secret_access_key"] = self.secret()
        for name in ("aws_session_token", "aws_security_token"):
            if self.is_so(0.15):
                settings[name] = self.new("token")

    def credentials(self):
        settings = {}
        if self.is_so(0.7):
            self.keys(settings)
        if self.is_so(0.15):
            settings.update(self.config())
        return settings

    def config(self):
        settings = {}
        if self.is_so(0.5):
            settings["region"] = self.chosen.choice(["eu-west-1", "us-west-2", "ap-northeast-1"])
        if self.is_so(0.2):
            self.keys(settings)
        if self.is_so(0.5):
            self.role(settings)
        if self.is_so(0.3):
            settings["credential_process"] = self.process()
        if self.is_so(0.1):
            settings["s3"] = self.one_of(BLOCK, "\n     addressing_style")
        if self.is_so(0.06):
            settings["web_identity_token_file"] = self.one_of(str(self.home / "token"), "/not/there")
        if self.is_so(0.03):
            # As nobody has signed in, botocore finds nothing that it could use.
            settings[self.chosen.choice(["sso_account_id", "sso_role_name", "login_session"])] = "x"
        return settings

    def role(self, settings):
        settings["role_arn"] = ROLE + self.new("role")
        if self.is_so(0.85):
            settings["source_profile"] = self.one_of(self.name(), "nobody")
        if self.is_so(0.02 if "source_profile" in settings else 0.8):
            settings["credential_source"] = self.one_of("Environment", "environment", "Nobody", "EcsContainer")
        for name, usual, odd in (("external_id", "42", "x y"), ("duration_seconds", "900", "long"),
                                 ("role_session_name", "me", "me.too")):
            if self.is_so(0.2):
                settings[name] = self.one_of(usual, odd)

    def process(self):
        says = {"Version": self.one_of(1, 2, "1", None, 1.0), "AccessKeyId": self.new("akid"),
                "SecretAccessKey": self.new("process")}
        if self.is_so(0.3):
            says["SessionToken"] = self.new("token")
        if self.is_so(0.3):
            says["Expiration"] = self.one_of("2100-01-01T00:00:00Z", "2100-01-01T09:00:00+09:00",
                                             "2100-01-01T00:00:00.5-0230", "soon", None)
        if self.is_so(0.03):
            del says[self.chosen.choice(["Version", "AccessKeyId", "SecretAccessKey"])]
        text = json.dumps(says)
        escaped = text.replace('"', '\\"')
        return self.chosen.choice([f"echo '{text}'", f'/bin/echo "{escaped}"', f"sh -c \"echo '{escaped}'\""] * 4 + [
            f"echo '{text}' ; true", f"echo {escaped.replace(' ', '')}", f"ec'h'o '{text}'", "false", "/not/there x",
            f"echo '{text}", f"echo $HOME '{text}'", f"A=1 echo '{text}'", f"echo '{text}' \\", f"printf %s\\\\n '{text}'",
            f"'/bin/echo' ''  '{text}'", f'printf "%s\\n" \'{text}\'', f"echo '{text}' # no", f"echo '{text}' >&2"])

    def line(self, name, value):
        return (self.one_of("", " ", "   ") * self.is_so(0.2) + self.one_of(name, name.upper(), name.title()) +
                self.one_of(" = ", "=", " =", "= ", ":", " : ", "\t=\t") + value + self.one_of("", " ", "\t", "  "))

    def text(self, header, settings_of):
        lines = ["# made up"] * self.is_so(0.5)
        for name in self.chosen.sample(NAMES, self.chosen.choice([1, 3, 4, 4])) + [self.name()] * self.is_so(0.01):
            lines.append(header(name))
            settings = list(settings_of().items())
            self.chosen.shuffle(settings)
            for setting, value in settings:
                lines += [self.line(setting, value)] * (1 + self.is_so(0.002))
                lines += [self.chosen.choice(ODD_LINES)] * self.is_so(0.08)
                lines += [self.chosen.choice(WRONG_LINES)] * self.is_so(0.003)
        return "\n".join(lines) + "\n" * self.is_so(0.8)

    def choose_variables(self):
        def maybe(probability, **variables):
            if self.is_so(probability):
                self.variables.update(variables)
        if self.is_so(0.25):
            maybe(0.95, AWS_ACCESS_KEY_ID=self.new("akid"))
            maybe(0.95, AWS_SECRET_ACCESS_KEY=self.secret())
        maybe(0.15, AWS_SESSION_TOKEN=self.new("token"))
        maybe(0.15, AWS_SECURITY_TOKEN=self.new("token"))
        maybe(0.4, AWS_PROFILE=self.name())
        maybe(0.1, AWS_DEFAULT_PROFILE=self.name())
        maybe(0.2, AWS_DEFAULT_REGION="us-east-2")
        maybe(0.1, AWS_REGION="us-west-1")
        if self.is_so(0.08):
            maybe(0.9, AWS_WEB_IDENTITY_TOKEN_FILE=str(self.home / "token"))
            maybe(0.85, AWS_ROLE_ARN=ROLE + "VARIABLES")
            maybe(0.3, AWS_ROLE_SESSION_NAME="its-name")


def as_asked(url, body, authorization):
    """A call of STS by what matters of it: of whom it asks what, and who signed it."""
    form = dict(urllib.parse.parse_qsl(body))
    if form["RoleSessionName"].startswith(("weir-", "botocore-session-")):
        form["RoleSessionName"] = "made up"
    # Where no region is known we ask in the one that the global endpoint has its signatures for.
    url = url.replace("//sts.amazonaws.com", "//sts.us-east-1.amazonaws.com")
    return url, form, authorization.partition("Credential=")[2].partition("/")[0]


class Answer:
    def __init__(self, body):
        self.body = body

    def stream(self):
        yield self.body


def by_botocore(made, loader, monkeypatch):
    asked = []

    def answer(request, **_):
        body = request.body.decode() if isinstance(request.body, bytes) else request.body
        authorization = request.headers.get("Authorization", b"")
        asked.append(as_asked(request.url, body,
                              authorization.decode() if isinstance(authorization, bytes) else authorization))
        action = dict(urllib.parse.parse_qsl(body))["Action"]
        said = (f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><Credentials>'
                f"<AccessKeyId>ASIA{len(asked)}</AccessKeyId><SecretAccessKey>of-sts</SecretAccessKey>"
                "<SessionToken>of-sts</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>"
                f"</{action}Result></{action}Response>")
        return botocore.awsrequest.AWSResponse(request.url, 200, {}, Answer(said.encode()))

    monkeypatch.setattr(os, "environ", dict(made.variables))
    # Of the 121 handlers that a session makes by itself, in ten times the time of all else, this needs one.
    session = botocore.session.Session(CLI_VARIABLES, include_builtin_handlers=False, profile=made.profile or None)
    session.register("choose-signer.sts.AssumeRoleWithWebIdentity", botocore.handlers.disable_signing)
    session.register_component("data_loader", loader)
    session.register("before-send.sts", answer)
    try:
        region = session.get_config_variable("region") or ""
        botocore.utils.validate_region_name(region)
        credentials = session.get_credentials()
        if credentials is None:
            return {"error": "there are none"}
        frozen = credentials.get_frozen_credentials()
        return {"region": region, "key": frozen.access_key, "secret": frozen.secret_key, "token": frozen.token or "",
                "asked": asked}
    except Exception as error:  # noqa: BLE001: whatever it is, there are none
        return {"error": f"{type(error).__name__}: {error}"}
    finally:
        monkeypatch.undo()


def by_us(program, cases):
    finder = pathlib.Path(program).parent / "find_credentials"
    if not os.access(finder, os.X_OK):
        pytest.skip(f"{finder} is not built: `tools/build release` builds it")
    surroundings = [{"variables": made.variables, "profile": made.profile} for made in cases]
    done = subprocess.run([finder], input=json.dumps(surroundings), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(cases)
    for each in found:
        if "asked" in each:
            each["asked"] = [as_asked(*call) for call in each["asked"]]
    return found


def test_credentials_are_those_that_botocore_finds(program, tmp_path, monkeypatch, caplog):
    caplog.set_level("CRITICAL")
    chosen = random.Random(SEED)
    cases = [MadeUp(chosen, tmp_path / str(number)) for number in range(CASES)]
    loader = botocore.loaders.create_loader()
    counts = dict.fromkeys(["found", "none", "role", "roles", "process", "variables", "token"], 0)
    differences = []
    for made, ours in zip(cases, by_us(program, cases)):
        theirs = by_botocore(made, loader, monkeypatch)
        if ours != theirs and not ("error" in ours and "error" in theirs):
            differences.append(f"{made.home} {made.profile!r} {made.variables}\n  {ours}\n  {theirs}")
        counts["none" if "error" in theirs else "found"] += 1
        counts["role"] += len(theirs.get("asked", [])) == 1
        counts["roles"] += len(theirs.get("asked", [])) > 1
        counts["process"] += "PROCESS" in theirs.get("secret", "")
        counts["variables"] += theirs.get("key") == made.variables.get("AWS_ACCESS_KEY_ID", "")
        counts["token"] += "TOKEN" in theirs.get("token", "")
    assert not differences, f"{len(differences)} of {CASES}, WEIR_SEED={SEED}:\n" + "\n".join(differences[:10])
    assert counts["found"] > CASES // 3 and min(counts.values()) > CASES // 300, f"too much alike: {counts}"
