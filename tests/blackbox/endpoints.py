"""Places outside that deliveries go to: HTTP endpoints and Splunk's event collector, over TLS."""

import base64
import gzip
import http.server
import json
import socket
import ssl
import subprocess
import threading


def certificate(folder):
    """A certificate for localhost that is its own authority, and its key."""
    cert, key = folder / "endpoint.pem", folder / "endpoint-key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext",
         "basicConstraints=critical,CA:FALSE", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )
    return cert, key


class Endpoint:
    """Keeps every request and answers with what `answer(request)` returns: a status and a body."""

    def __init__(self, cert, key, answer, port=0):
        self.requests = []
        self.answer = answer
        self.connections = set()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                endpoint.connections.add(self.connection)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Request(self.path, dict(self.headers), body)
                endpoint.requests.append(request)
                status, text = endpoint.answer(request)
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text.encode())
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"https://localhost:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        """Nobody is served any more, whoever is connected included."""
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Request:
    def __init__(self, path, headers, body):
        self.path, self.body = path, body
        self.headers = {name.lower(): value for name, value in headers.items()}

    @property
    def id(self):
        return self.headers["x-amz-firehose-request-id"]

    def json(self):
        packed = self.headers.get("content-encoding") == "gzip"
        return json.loads(gzip.decompress(self.body) if packed else self.body)

    def records(self):
        return [base64.b64decode(record["data"]) for record in self.json()["records"]]


def accepted(request):
    return 200, json.dumps({"requestId": request.id, "timestamp": 1_600_000_000_000})
