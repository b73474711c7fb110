"""A backend in another language: the contract of docs/bring-your-own.md, with Python's standard library alone.

It serves /healthz, /readyz and /v1/whoami at both doors. Put your own routes into Door.route.
"""

import hmac
import http.server
import json
import os
import re
import signal
import socketserver
import sys
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True  # the root file system is read-only
import cloud  # noqa: E402

LINGER = 5  # seconds for which the ports stay open once draining has begun, at most
SECRET_AGE = 300  # seconds after which a secret is read again
CALLER = "X-Gateway-Caller"  # set by API Gateway alone


def log(level, message, **more):
    """Write one event as one line of JSON to standard output."""
    line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "level": level, "msg": message, **more}
    print(json.dumps(line), flush=True)


def seconds(text):
    """Parse a duration as the infrastructure writes it: 1m15s, 75s, 500ms, 0."""
    units = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if text != "0" and "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"BACKEND_DRAIN_TIMEOUT: want a duration as 75s, got {text!r}")
    return sum(float(number) * units[unit] for number, unit in parts)


class Secrets:
    """The two secrets, read when they are first needed and again when they are old."""

    def __init__(self, env):
        self.env, self.lock, self.cached = env, threading.Lock(), {}

    def read(self, arn):
        with self.lock:
            value, at = self.cached.get(arn, (None, 0))
            if not at or time.monotonic() - at > SECRET_AGE:
                value, at = cloud.secret(arn), time.monotonic()
                self.cached[arn] = value, at
            return value

    def admin_token(self):
        return self.env.get("BACKEND_ADMIN_TOKEN") or self.read(self.env["BACKEND_ADMIN_TOKEN_SECRET_ARN"])["token"]

    def check_database(self):
        if url := self.env.get("BACKEND_DATABASE_URL"):  # on a machine of your own, without TLS
            parts = urllib.parse.urlsplit(url)
            return cloud.check_database(parts.hostname, parts.port or 5432, None)
        found = self.read(self.env["BACKEND_DATABASE_SECRET_ARN"])
        ca_file = self.env.get("BACKEND_DATABASE_CA_FILE", "/etc/ssl/rds/global-bundle.pem")
        return cloud.check_database(found["host"], found["port"], ca_file)


class Door(http.server.BaseHTTPRequestHandler):
    """One request at one of the two doors."""

    protocol_version = "HTTP/1.1"  # load balancers keep connections open
    timeout = 75  # seconds that a connection may be idle: longer than the load balancer's 60
    path, busy = "-", False

    def route(self):
        """Return status and body. At the gateway's door API Gateway's stage may stand before the path."""
        path = self.path.partition("?")[0]
        callers = self.headers.get_all(CALLER, [])
        if self.server.kind == "gateway":
            if path == "/healthz" and not callers:  # the load balancer's health check
                return 200, {"status": "ok"}
            if len(callers) != 1:
                return 401, f"want the header {CALLER} exactly once"
            stage = "/" + self.server.env.get("BACKEND_STAGE", "live")
            path = path.removeprefix(stage) if path.startswith(stage + "/") else path
            caller = callers[0]
        else:
            if callers:
                return 400, f"the header {CALLER} is not for this door"
            if path == "/healthz":  # never asks the database: all instances would be replaced for its sake
                return 200, {"status": "ok"}
            if path == "/readyz":
                return self.readiness()
            scheme, _, token = self.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), self.server.secrets.admin_token().encode()):
                return 401, "want a bearer token"
            caller = "token:admin"
        if path == "/v1/whoami":
            return 200, {"id": caller, "door": self.server.kind, "scopes": []}
        return 404, "there is nothing at this path"

    def readiness(self):
        if self.server.stopping.is_set():
            return 503, "stopping"
        try:
            self.server.secrets.check_database()
        except Exception as error:  # whatever it is: people want to read it in the log
            log("ERROR", "the database cannot be used", error=repr(error))
            return 503, "the database cannot be used"
        return 200, {"status": "ok"}

    def do_GET(self):
        if set(self.headers.get_all("Content-Length", [])) - {"0"} or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # nobody reads the body, which must not pass for the next request
        try:
            status, body = self.route()
        except Exception as error:  # a fault of one request must not end the process
            log("ERROR", "a request failed", path=self.path, error=repr(error))
            status, body = 500, "internal error"
        self.answer(status, body)

    def answer(self, status, body):
        kind = "application/json"
        if status >= 400:  # RFC 9457
            kind, body = "application/problem+json", {"status": status, "detail": body}
        text = json.dumps(body).encode()
        self.close_connection |= self.server.stopping.is_set()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_HEAD = do_GET

    def send_error(self, code, message=None, explain=None):
        self.close_connection, self.request_version = True, "HTTP/1.1"  # a line that was no request has none
        self.answer(code, message or "refused")

    def version_string(self):
        return "python-backend"

    def log_request(self, code="-", size="-"):
        if self.path.partition("?")[0] != "/healthz":
            log("INFO", "request", door=self.server.kind, method=self.command, path=self.path.partition("?")[0], status=int(code))

    def log_message(self, format, *args):
        log("DEBUG", format % args, door=self.server.kind)

    # A request is under way from its first line to the end of its answer.
    def parse_request(self):
        self.busy = True
        self.server.count(1)
        return super().parse_request()

    def handle_one_request(self):
        try:
            super().handle_one_request()
        finally:
            if self.busy:
                self.busy = False
                self.server.count(-1)


class Server(socketserver.ThreadingTCPServer):
    """A door: its port, and how many requests are under way."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, kind, address, env, secrets, stopping):
        host, _, port = address.rpartition(":")
        self.kind, self.env, self.secrets, self.stopping = kind, env, secrets, stopping
        self.under_way, self.changed = 0, threading.Condition()
        super().__init__((host, int(port)), Door)
        log("INFO", "listening", door=kind, addr="%s:%d" % self.server_address[:2])

    def count(self, change):
        with self.changed:
            self.under_way += change
            self.changed.notify_all()

    def drained(self, deadline):
        with self.changed:
            return self.changed.wait_for(lambda: self.under_way == 0, max(0, deadline - time.monotonic()))

    def handle_error(self, request, client_address):
        log("DEBUG", "a connection broke", door=self.kind, error=repr(sys.exc_info()[1]))


def serve():
    env, stopping = os.environ, threading.Event()
    for number in signal.SIGTERM, signal.SIGINT:  # the first process of a container dies of no signal that it does not handle
        signal.signal(number, lambda *_: stopping.set())
    limit, secrets = seconds(env.get("BACKEND_DRAIN_TIMEOUT", "45s")), Secrets(env)
    log("INFO", "starting", python=sys.version.split()[0])
    secrets.admin_token()  # without it nobody could be let in: end, and be started again
    doors = [
        Server("public", env.get("BACKEND_PUBLIC_ADDR", ":8080"), env, secrets, stopping),
        Server("gateway", env.get("BACKEND_GATEWAY_ADDR", ":8081"), env, secrets, stopping),
    ]
    for door in doors:
        threading.Thread(target=door.serve_forever, args=(0.1,), daemon=True).start()
    stopping.wait()
    log("INFO", "draining", timeout=limit)
    deadline = time.monotonic() + limit
    time.sleep(min(limit / 4, LINGER))  # balancers learn that answers end connections
    for door in doors:
        door.shutdown()
        door.socket.close()
    cut = [door.kind for door in doors if not door.drained(deadline)]
    log("WARN" if cut else "INFO", "stopped", cut=cut)


if __name__ == "__main__":
    try:
        serve()
    except Exception as failure:
        log("ERROR", "the backend ends", error=repr(failure))
        sys.exit(1)
