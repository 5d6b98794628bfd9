"""Ports of loopback that are a test's own."""

import socket


def held(port=0):
    """A socket that has a port and does not listen: who connects there is refused, the kernel gives it to nobody,
    and who asks for it by number and may share it (SO_REUSEADDR) can listen there."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made


def number(held_port):
    return held_port.getsockname()[1]
