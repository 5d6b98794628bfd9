"""`weir record` to an S3 server behind TLS and a proxy, as a company's network has them: the certificate is
nobody's that the host knows, and only the proxy knows the server's name."""

import socket
import ssl
import subprocess
import threading

import ports
import pytest
from test_s3_faults import in_folder, record

HOST = "s3.weir.test"
NOBODY = "x" * 64 + ".weir.test"  # longer than a name can be: no name server is asked, whether there is one or not


def certificate(folder, name):
    """A self-signed one, and its key."""
    files = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-out", files[0],
                    "-keyout", files[1], "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"],
                   check=True, capture_output=True)
    return files


class Proxy:
    """Takes CONNECT, whatever the host, and is that host: it speaks TLS, and a plain server answers."""

    def __init__(self, files, server):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*files)
        self.server, self.asked = server, []
        self.place = ports.held()
        self.socket = socket.create_server(("127.0.0.1", ports.number(self.place)))
        self.url = f"http://127.0.0.1:{ports.number(self.place)}"
        threading.Thread(target=self.serve, daemon=True).start()

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)  # who waits for a connection waits no more
        self.socket.close()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return  # it was closed
            threading.Thread(target=self.answer, args=[connection], daemon=True).start()

    def answer(self, connection):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        method, target, _ = head.split(b" ", 2)
        self.asked.append((method.decode(), target.decode()))
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            client = self.context.wrap_socket(connection, server_side=True)
        except (ssl.SSLError, OSError):
            return  # who does not trust it goes
        upstream = socket.create_connection(("127.0.0.1", self.server.server_port))
        threading.Thread(target=pump, args=[upstream, client], daemon=True).start()
        pump(client, upstream)


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for each in (source, target):
        each.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls"), HOST)


@pytest.fixture
def proxy(serve, files):
    made = Proxy(files, serve())
    yield made
    if made.socket.fileno() >= 0:
        made.stop()
    made.place.close()


def to(proxy, **variables):
    return {"HTTPS_PROXY": proxy.url, "AWS_ENDPOINT_URL": f"https://{HOST}", **variables}


def test_a_proxy_and_a_certificate_of_ones_own(program, proxy, files, tmp_path):
    record(proxy.server, program, **to(proxy, AWS_CA_BUNDLE=str(files[0])))
    assert proxy.server.objects == in_folder(program, tmp_path / "logs")
    assert set(proxy.asked) == {("CONNECT", f"{HOST}:443")}
    assert not proxy.server.refused
    print(f"{len(proxy.server.requests)} requests; connections, all by the proxy: {len(proxy.asked)}")
    proxy.server.objects.clear()
    record(proxy.server, program, "s3://logs", "--ca-bundle", files[0], **to(proxy, AWS_CA_BUNDLE="/dev/null"))
    assert proxy.server.objects


def test_a_certificate_that_nobody_knows_is_refused_with_what_to_do(program, proxy, tmp_path):
    other, _ = certificate(tmp_path, "other.test")
    for variables in ({}, {"AWS_CA_BUNDLE": str(other)}):
        done = record(proxy.server, program, status=1, **to(proxy, **variables))
        assert "certificate" in done.stderr
        assert "with --ca-bundle or AWS_CA_BUNDLE" in done.stderr
    assert not proxy.server.requests


def test_what_the_proxy_is_not_for_is_asked_directly(program, proxy, files):
    done = record(proxy.server, program, status=1,
                  **to(proxy, AWS_CA_BUNDLE=str(files[0]), AWS_ENDPOINT_URL=f"https://{NOBODY}", NO_PROXY=NOBODY,
                       AWS_MAX_ATTEMPTS="1"))
    assert "check the region and the endpoint's name" in done.stderr
    assert not proxy.asked


def test_a_proxy_that_is_not_there_is_told(program, proxy, files):
    proxy.stop()
    done = record(proxy.server, program, status=1,
                  **to(proxy, AWS_CA_BUNDLE=str(files[0]), AWS_MAX_ATTEMPTS="1"))
    assert "check that the server runs" in done.stderr
