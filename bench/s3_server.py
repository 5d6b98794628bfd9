"""The S3 server that benchmarks talk to, Ceph's gateway of the conformance tests, and what others need to talk to
it: the clients of bench/requirements.txt, and their settings."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from measuring import TREE

sys.path.append(str(TREE / "tests" / "conformance"))

import gateway  # noqa: E402
import scripted  # noqa: E402

PEERS = TREE / ".venv-bench" / "bin"
BUCKET = "bench"
CONNECTIONS = 16  # of curl
MEMORY = 8 << 30  # taken as it is filled
TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A gateway with an empty bucket."""

    def __init__(self, folder):
        self.gateway = gateway.Gateway(folder, MEMORY)
        self.gateway.add_user("owner")
        self.url = self.gateway.url
        self.environment = {**scripted.CLEAN, **self.gateway.environment("owner"),
                            # rclone asks in its own words.
                            "RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_SERVER_TYPE": "s3",
                            "RCLONE_CONFIG_SERVER_PROVIDER": "Ceph", "RCLONE_CONFIG_SERVER_ENV_AUTH": "true",
                            "RCLONE_CONFIG_SERVER_ENDPOINT": self.url}
        self.aws("s3", "mb", f"s3://{BUCKET}")

    def aws(self, *arguments):
        done = subprocess.run([PEERS / "aws", *map(str, arguments)], env=self.environment, text=True,
                              capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"aws {' '.join(map(str, arguments))}: {done.stdout}{done.stderr}")
        return done.stdout

    def holds(self):
        """Bytes of each key."""
        lines = self.aws("s3api", "list-objects-v2", "--bucket", BUCKET, "--output", "text", "--query",
                         "Contents[].[Size,Key]").splitlines()
        return {key: int(size) for size, key in (line.split("\t") for line in lines if line != "None")}

    def curl(self, action, work, keys):
        """curl, which does no more than hand bytes on: with one line of its configuration for each key, and nothing
        signed, for anybody may do what it does then."""
        self.aws("s3api", "put-bucket-policy", "--bucket", BUCKET, "--policy", json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": action,
                                                     "Resource": f"arn:aws:s3:::{BUCKET}/*"}]}))
        config = work / "curl.txt"
        config.write_text("".join(f'{line}\nurl = "{self.url}/{BUCKET}/{key}"\n' for key, line in keys.items()))
        return ["curl", "--silent", "--fail", "--parallel", "--parallel-max", CONNECTIONS, "--config", config]

    def signed_curl(self, work, folder, keys):
        """The same for puts that are signed as Weir's and the CLI's are, bodies and all: signed before, by botocore."""
        credentials = botocore.credentials.Credentials(self.environment["AWS_ACCESS_KEY_ID"],
                                                       self.environment["AWS_SECRET_ACCESS_KEY"])
        signer = botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1")
        config = work / "curl.txt"
        with config.open("w") as out:
            for key in keys:
                url = f"{self.url}/{BUCKET}/{key}"
                request = botocore.awsrequest.AWSRequest("PUT", url, data=(folder / key).read_bytes())
                request.context["payload_signing_enabled"] = True
                signer.add_auth(request)
                out.write(f'next\nfail\nurl = "{url}"\nupload-file = "{folder / key}"\n')
                out.writelines(f'header = "{name}: {value}"\n' for name, value in request.headers.items())
        return ["curl", "--silent", "--parallel", "--parallel-max", CONNECTIONS, "--config", config]

    def cpu(self):
        """Processor seconds that it has taken."""
        total = 0
        for process in self.gateway.processes:
            with contextlib.suppress(FileNotFoundError):  # one that ended at the start
                fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        return total / TICKS


@contextlib.contextmanager
def running():
    if not (PEERS / "aws").exists():
        sys.exit(f"{PEERS / 'aws'} is not there: `tools/setup peers` brings it")
    with tempfile.TemporaryDirectory() as folder:
        server = None
        try:
            server = Server(folder)
            yield server
        except gateway.NotInstalled as why:
            sys.exit(str(why))
        finally:
            if server is not None:
                server.gateway.stop()
