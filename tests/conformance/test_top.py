"""`weir top` on a terminal that pyte plays: what it shows is what was sent, it obeys its keys and the
terminal's size, and gives the terminal back."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pyte
import pytest
from lab import CLOSED_PORT, HEADERS, OPEN_PORT, RECEIVER, SENDER, running_lab
from waiting import SECONDS, until

ACCEPTED, REFUSED, SIZE = 700, 41, 120
LEAVE = b"\x1b[?7h\x1b[?25h\x1b[?1049l"


@pytest.fixture
def lab(program, tmp_path):
    with running_lab(program, tmp_path) as running:
        running.listen(OPEN_PORT)
        running.listen(CLOSED_PORT)
        yield running


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, command, columns=160, lines=40):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.sent = b""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(command[0], command)
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self.master)

    def resize(self, columns, lines):
        self.screen.resize(lines, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self):
        """False: nobody writes any more."""
        if not select.select([self.master], [], [], 0.05)[0]:
            return True
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:
            return False
        self.sent += data
        self.stream.feed(data)
        return bool(data)

    def text(self):
        return "\n".join(self.screen.display)

    def until(self, condition, what):
        """The lines of the screen once it is as it should be."""
        end = time.monotonic() + SECONDS
        while not condition(self.text()):
            assert self.read() and time.monotonic() < end, f"gave up waiting for {what}:\n{self.text()}"
        return [line.rstrip() for line in self.screen.display]

    def press(self, keys):
        os.write(self.master, keys)

    def end(self):
        """The exit code, when all has been read."""
        until(lambda: not self.read(), "the end")
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def top(lab):
    terminal = Terminal([lab.program, "top", "--config", str(lab.config)])
    # It follows once it shows a picture of a second; what was sent before is nobody's.
    terminal.until(lambda text: "accepted:" in text, "the first picture")
    yield terminal
    try:
        os.kill(terminal.pid, signal.SIGKILL)
        os.waitpid(terminal.pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass
    os.close(terminal.master)


def rows_with(lines, *texts):
    return [line.split() for line in lines if all(text in line for text in texts)]


def totals(lines, *texts):
    """Bytes and packets since it began, of the one row with these texts."""
    (row,) = rows_with(lines, *texts)
    return row[2:4]


def sent_as_shown(lab, top):
    """What it follows is told by a first datagram that it shows."""
    lab.send(CLOSED_PORT, 1, SIZE)
    top.until(lambda text: f"port {CLOSED_PORT}/UDP" in text, "the first refusal")
    lab.send(OPEN_PORT, ACCEPTED, SIZE)
    lab.send(CLOSED_PORT, REFUSED - 1, SIZE)
    return top.until(lambda text: {packets_in(text, "UDP"), packets_in(text)} == {ACCEPTED, REFUSED}, "both")


def packets_in(text, *words):
    """Since it began, in the one row of the two hosts with these words, or without a service; else nothing."""
    rows = [row for row in rows_with(text.splitlines(), f"{SENDER} → {RECEIVER}", *words)
            if bool(words) == any("UDP" in word for word in row)]
    return int(rows[0][3]) if len(rows) == 1 else None


def test_shows_who_talks_and_who_is_refused_in_figures_of_what_was_sent(lab, top):
    lines = sent_as_shown(lab, top)
    pair = f"{SENDER} → {RECEIVER} (web)"
    refused = totals(lines, pair, f"port {CLOSED_PORT}/UDP", "no inbound rule of security group sg-1 allows it")
    assert refused == [str(REFUSED * (SIZE + HEADERS)), str(REFUSED)]
    accepted = [line for line in lines if pair in line and "UDP" not in line]
    assert len(accepted) == 1
    assert accepted[0].split()[3] == str(ACCEPTED)
    assert [line for line in lines if line.lstrip("> ").startswith("refused:")]


def test_obeys_its_keys_and_the_size_of_the_terminal(lab, top):
    sent_as_shown(lab, top)
    assert "by bytes/s" in top.text()
    top.press(b"s")
    top.until(lambda text: "by packets/s" in text, "another order")
    top.press(b"s\x1b[B\x1b[A\x1bOQzz\x1b[5~")  # and keys that it does not know
    top.until(lambda text: "by bytes\n" in "\n".join(line.rstrip() for line in text.splitlines()), "the third order")
    top.press(b"\t")
    top.until(lambda text: "> refused:" in text, "the other half")
    for columns, height in ((50, 9), (1, 1), (200, 50)):
        top.resize(columns, height)
        mark = "accepted:" if columns > 20 else "w"
        top.until(lambda text, mark=mark: mark in text, f"{columns} columns")
        assert all(len(line) <= columns for line in top.screen.display)
    top.until(lambda text: f"port {CLOSED_PORT}/UDP" in text, "all of it again")
    top.press(b"q")
    assert top.end() == 0


@pytest.mark.parametrize("ending", [b"q", signal.SIGINT, signal.SIGTERM, "service"])
def test_gives_the_terminal_back(lab, top, ending):
    assert not termios.tcgetattr(top.master)[3] & termios.ICANON
    if ending == b"q":
        top.press(ending)
    elif ending == "service":
        assert lab.stop() == 0
    else:
        os.kill(top.pid, ending)
    assert top.end() == (1 if ending == "service" else 0)
    assert LEAVE in top.sent
    after = top.sent[top.sent.index(LEAVE) + len(LEAVE):]
    assert after.strip() == (b"weir: weir up has ended" if ending == "service" else b"")


def test_prints_one_picture_where_there_is_no_terminal(lab):
    with subprocess.Popen([lab.program, "top", "--config", lab.config], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True) as one:
        lab.send(CLOSED_PORT, 1, SIZE)
        sent = 1
        while one.poll() is None:  # of all that is sent it shows a second
            sent += 1
            lab.sockets[-1].sendto(bytes(SIZE), (RECEIVER, CLOSED_PORT))
            time.sleep(0.01)
        text = one.stdout.read()
    assert one.returncode == 0
    assert "\x1b" not in text
    _, packets = totals(text.splitlines(), f"port {CLOSED_PORT}/UDP", SENDER)
    assert 0 < int(packets) <= sent
