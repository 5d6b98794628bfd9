"""What the conformance tests share: the program under test and a way to run it."""

import os
import pathlib
import signal
import subprocess

import gateway
import pytest
import scripted_events
import scripted_s3

TREE = pathlib.Path(__file__).resolve().parent.parent.parent


# A shell starts what it puts into the background deaf to Ctrl-C, and so would be the programs under test.
for deaf in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(deaf) == signal.SIG_IGN:
        signal.signal(deaf, signal.SIG_DFL)

WAITING = ("test_soak", "test_up_", "test_status", "test_tail_s3")


def pytest_collection_modifyitems(items):
    """Tests that mostly wait come first: what others do meanwhile, a worker that has nothing left takes over."""
    items.sort(key=lambda item: not item.path.name.startswith(WAITING))


@pytest.fixture(scope="session")
def program():
    """The path of the program under test."""
    return os.environ.get("WEIR", str(TREE / "build" / "weir"))


@pytest.fixture(scope="session")
def weir(program):
    """Runs `weir` with these arguments: weir("fields").stdout. A status other than the one expected
    fails the test with everything the program said."""

    def run(*arguments, status=0, stdin=None):
        done = subprocess.run([program, *map(str, arguments)], input=stdin, capture_output=True,
                              text=True, timeout=120, check=False)
        assert done.returncode == status or done.returncode in (status if isinstance(status, tuple) else ()), f"{done.args}\n{done.stdout}{done.stderr}"
        return done

    return run


def starting(kind):
    """Starts servers of this kind, and stops them at the end."""
    servers = []

    def start(*plan, **how):
        servers.append(kind(plan, **how))
        return servers[-1]
    yield start
    for server in servers:
        server.stop()
        server.place.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A real S3 server with two users. Its buckets are there for all tests: make one of your own."""
    try:
        running = gateway.Gateway(tmp_path_factory.mktemp("ceph"))
    except gateway.NotInstalled as why:
        pytest.skip(f"no Ceph gateway: {why}")
    for user in ("owner", "delivery"):
        running.add_user(user)
    yield running
    running.stop()


@pytest.fixture
def serve():
    """Starts S3: serve(500, "lost")."""
    yield from starting(scripted_s3.Server)


@pytest.fixture
def serve_events():
    """Starts CloudWatch Logs and Data Firehose."""
    yield from starting(scripted_events.Server)
