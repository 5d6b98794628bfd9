"""What the servers have in common that are AWS's services to the program under test, and fail as they are
told; and the environment in which it takes them for AWS."""

import http.server
import os
import socket
import socketserver
import threading

import ports

# Nobody finds other credentials or settings than those that a test gives it, nothing stands between the tests and
# loopback, and what is in UTC is so in other zones, too.
for name in list(os.environ):
    if name.startswith("AWS_") or name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ["TZ"] = "JST-9"
os.umask(0o022)
CLEAN = dict(os.environ)


def environment(url, key, secret):
    """What makes a program that user of the services at `url`, wherever it runs."""
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_ENDPOINT_URL": url,
            "AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true"}


class Server(http.server.ThreadingHTTPServer):
    """Serves from the start on. `plan` is what happens to the next of the calls that matter; then all is
    ok."""

    daemon_threads = True
    request_queue_size = 128  # who finds no room there comes again a second later
    key, secret = "AKIDSCRIPTED", "scripted/SECRET+key"

    def __init__(self, handler, plan, port=0):
        self.plan = list(plan)
        self.lock = threading.Lock()
        self.connections = set()
        self.place = ports.held(port)  # when it has stopped, too: nobody else answers there
        super().__init__(("127.0.0.1", ports.number(self.place)), handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def server_bind(self):
        """Without asking a name server for its name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address

    def process_request(self, request, client_address):
        self.connections.add(request)  # in the thread that takes them: none comes after `shutdown`
        super().process_request(request, client_address)

    def handle_error(self, request, client_address):
        pass  # connections that were closed on purpose

    def stop(self):
        """As if it were killed: what is connected is cut off."""
        self.shutdown()
        self.server_close()
        for each in list(self.connections):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # closed already

    def environment(self):
        return environment(self.url, self.key, self.secret)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def finish(self):
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, *arguments):
        pass

    def close_connection_now(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def answer_half(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        self.close_connection_now()
