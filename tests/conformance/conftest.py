"""What the conformance tests share: the program under test and a way to run it."""

import os
import pathlib
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parent.parent.parent


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
