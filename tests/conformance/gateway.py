"""Ceph's object gateway on loopback: a real S3 server, which checks signatures and policies. A
monitor, an object store in memory and the gateway, in a folder of their own; up in two seconds."""

import pathlib
import shutil
import signal
import subprocess
import time
import urllib.request
import uuid

import ports
import scripted

NEEDED = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")

CONFIGURATION = """
[global]
fsid = {fsid}
mon host = [v1:127.0.0.1:{monitor}/0]
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr2 = false
run dir = {folder}
admin socket = {folder}/$name.asok
pid file = {folder}/$name.pid
log file = {folder}/$name.log
mon cluster log file = {folder}/cluster.log
crash dir = {folder}
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = {memory}
mon allow pool size one = true
mon max pg per osd = 1000
# These two make eleven seconds of starting one and a half.
paxos propose interval = 0.05
paxos min wait = 0.01
mon data avail crit = 1
mon data avail warn = 1
osd class load list = *
osd class default list = *
[mon]
mon data = {folder}/mon
[osd]
osd data = {folder}/osd
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw dns name = localhost
rgw data = {folder}/rgw
rgw run sync thread = false
rgw enable lc threads = false
rgw enable quota threads = false
rgw enable usage log = false
rgw enable ops log = false
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = testkey-1=YmluCmJvb3N0CmJvb3N0LWJ1aWxkCmNlcGguY29uZgo=
"""


class NotInstalled(Exception):
    """What is missing."""


class Gateway:
    def __init__(self, folder, memory=1 << 30):
        """`memory`: the bytes that its objects may take."""
        missing = [name for name in NEEDED if shutil.which(name) is None]
        if missing:
            raise NotInstalled(f"{', '.join(missing)} not installed: `make setup` installs them")
        self.folder = pathlib.Path(folder)
        self.processes = []
        self.configuration = self.folder / "ceph.conf"
        self.places = [ports.held(), ports.held()]
        self.port, monitor = map(ports.number, self.places)
        self.url = f"http://127.0.0.1:{self.port}"
        for name in ("mon", "osd", "rgw"):
            (self.folder / name).mkdir()
        self.fsid = str(uuid.uuid4())
        self.configuration.write_text(CONFIGURATION.format(
            fsid=self.fsid, monitor=monitor, port=self.port, folder=self.folder, memory=memory))
        try:
            self.start(monitor)
        except BaseException:
            self.stop()
            raise

    def run(self, program, *arguments, timeout=120):
        done = subprocess.run([program, "-c", self.configuration, *arguments], text=True,
                              capture_output=True, timeout=timeout, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program} {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def ask_until_it_answers(self, *command):
        """A monitor that has only begun takes a question for one of a stranger."""
        end = time.monotonic() + 60
        while True:
            try:
                return self.run(*command)
            except RuntimeError as refused:
                if "getting command descriptions" not in str(refused) or time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def begin(self, program, *arguments):
        # In the foreground, so that each is a child of ours and can be ended.
        log = (self.folder / f"{program}.out").open("ab")
        process = subprocess.Popen([program, "-f", "-c", self.configuration, *arguments],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def start(self, monitor):
        subprocess.run(["monmaptool", "--create", "--fsid", self.fsid, "--addv", "a",
                        f"[v1:127.0.0.1:{monitor}]", self.folder / "monmap"], check=True,
                       capture_output=True)
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", self.folder / "monmap")
        self.begin("ceph-mon", "-i", "a")
        store = str(uuid.uuid4())  # the monitor's and the store's must be the same
        number = self.ask_until_it_answers("ceph", "osd", "new", store).strip()
        self.run("ceph-osd", "-i", number, "--mkfs", "--osd-uuid", store)
        self.begin_until_it_answers(("ceph-osd", "-i", number), ("radosgw", "-n", "client.rgw"))

    def begin_until_it_answers(self, *commands):
        """Without authentication they may ask before they know the monitors, and end: then they begin again."""
        running = {command: self.begin(*command) for command in commands}
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(self.url, timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
            for command, process in running.items():
                if process.poll() is not None:
                    running[command] = self.begin(*command)
        raise RuntimeError("the gateway did not come up in two minutes")

    def add_user(self, name):
        self.run("radosgw-admin", "user", "create", f"--uid={name}", f"--display-name={name}",
                 f"--access-key=AKID{name}", f"--secret-key=SECRETOF{name}")

    def environment(self, user):
        """What makes a program this user of this gateway."""
        return scripted.environment(self.url, f"AKID{user}", f"SECRETOF{user}")

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGKILL)  # it is all in memory
            process.wait()
        for place in self.places:
            place.close()
