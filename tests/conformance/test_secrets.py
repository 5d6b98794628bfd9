"""No secret leaves the process but in signatures: while an upload hangs, and after it was made to crash, everything
that others can read or that lies on disk is searched."""

import os
import pathlib
import resource
import signal
import subprocess

import pytest
import scripted_s3
from deliverer import Deliverer, capture_of_windows
from lab import ask
from scripted import CLEAN
from waiting import until

TOKEN = "session/TOKEN+of+nobody"
SECRETS = [scripted_s3.SECRET.encode(), TOKEN.encode()]
FILES = "credentials", "program"  # which have them


def with_cores():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def is_core_dumped(process):
    """Made to crash: did the kernel write its memory down, whether into a file or to a program? It says so itself."""
    process.send_signal(signal.SIGABRT)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == -signal.SIGABRT
    return os.WCOREDUMP(status)


def search(where, text):
    for secret in SECRETS:
        assert secret not in text, f"a secret is in {where}"


def search_process(pid):
    """What ps shows of it and of all that it has started; and its environment, which its caller made and which root
    may read: what the files say has not come there."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for each in [str(pid), *children]:
        for name in ("cmdline", "environ", "comm"):
            search(f"/proc/{each}/{name}", pathlib.Path(f"/proc/{each}/{name}").read_bytes())


def search_folder(folder):
    for path in folder.rglob("*"):
        search(path, os.fsencode(path))
        if path.is_file() and path.name not in FILES:
            search(path, path.read_bytes())


@pytest.fixture(params=["a file", "a program"])
def environment(serve, request, tmp_path):
    """Of a user of a server that hangs, whose keys only a file has, or a program tells."""
    server = serve(*["hang"] * 100)
    key, secret = scripted_s3.KEY, scripted_s3.SECRET
    told = tmp_path / "program"
    told.write_text(f'#!/bin/sh\necho \'{{"Version": 1, "AccessKeyId": "{key}", "SecretAccessKey": "{secret}", '
                    f'"SessionToken": "{TOKEN}"}}\'\n')
    told.chmod(0o700)
    (tmp_path / "credentials").write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
                                          f"aws_session_token = {TOKEN}\n[told]\ncredential_process = {told}\n")
    made = {name: value for name, value in server.environment().items() if not name.startswith("AWS_SECRET")}
    del made["AWS_ACCESS_KEY_ID"]
    made["AWS_SHARED_CREDENTIALS_FILE"] = str(tmp_path / "credentials")
    if request.param == "a program":
        made["AWS_PROFILE"] = "told"
    yield server, made
    assert server.asked and not server.refused, "it signed with that secret"


def test_no_secret_of_a_recording_is_in_what_others_see_or_in_a_core(program, environment, tmp_path):
    server, variables = environment
    folder = tmp_path / "run"
    folder.mkdir()
    with (folder / "told").open("wb") as told:
        recording = subprocess.Popen(
            [program, "record", *capture_of_windows(folder, 2), "--log-destination", "s3://logs",
             "--no-attach-bucket-policy"], stdin=subprocess.DEVNULL, stdout=told, stderr=told, cwd=folder,
            preexec_fn=with_cores, env={**CLEAN, **variables, "TMPDIR": str(folder)})
    until(lambda: server.asked or recording.poll() is not None, "an upload")
    search_process(recording.pid)
    assert not is_core_dumped(recording)
    search_folder(folder)


def test_no_secret_of_a_service_is_in_what_others_see_or_in_a_core(program, environment, tmp_path):
    server, variables = environment
    folder = tmp_path / "run"
    folder.mkdir()
    service = Deliverer(program, folder, variables)
    service.start(cwd=folder, preexec_fn=with_cores)
    until(lambda: service.is_alive() and server.asked, "an upload")
    search_process(service.process.pid)
    for page in ("/status", "/metrics"):
        search(page, ask(folder / "weir.sock", page).encode())
    assert not is_core_dumped(service.process)
    search_folder(folder)


def test_a_program_that_does_not_see_to_it_is_dumped(tmp_path):
    """Without this, the tests above that find no core would show nothing."""
    sleeping = subprocess.Popen(["sleep", "1000"], cwd=tmp_path, preexec_fn=with_cores)
    until(lambda: b"sleep" in pathlib.Path(f"/proc/{sleeping.pid}/cmdline").read_bytes(), "it to run")
    if not is_core_dumped(sleeping):
        pytest.skip(f"no cores are kept here: {pathlib.Path('/proc/sys/kernel/core_pattern').read_text().strip()}")


def test_no_option_takes_a_secret(weir):
    """It would be in the process list."""
    for command in ("record", "up", "query", "tail", "bucket-policy"):
        said = weir(command, "--help").stdout.lower()
        assert "--" in said
        for word in ("secret", "token", "access-key"):
            assert word not in said
