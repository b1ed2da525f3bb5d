"""A service on the loopback, like OpenAI's, which also fails as such services do."""

from __future__ import annotations

import email.parser
import email.policy
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import soundfile


class Service:
    """Answers with transcripts, after the faults that it is given.

    A fault is `(status, body)`, `(status, body, headers)`, or "hang", "drip" or
    "break". `asked` are the fields of
    every question, with the headers in `headers`.
    """

    def __init__(self, transcribe: Callable, faults: Iterator | tuple = ()) -> None:
        self.transcribe, self.faults = transcribe, iter(faults)
        self.asked: list[dict[str, object]] = []
        self.headers: list[dict[str, str]] = []
        self.open = threading.Event()
        handler = type("Handler", (_Handler,), {"service": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.open.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class _Handler(BaseHTTPRequestHandler):
    service: Service

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        service = self.service
        service.headers.append(dict(self.headers))
        service.asked.append(_fields(self.headers["Content-Type"], body))
        fault = next(service.faults, None)
        if fault == "hang":
            service.open.wait(5)
            return
        if fault == "drip":
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):  # of an asker who has hung up
                while not service.open.wait(0.02):
                    self.wfile.write(b" ")
            return
        if fault == "break":
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\n{")
            return
        if fault is not None:
            status, answer, *headers = fault
            self._send(status, answer.encode(), dict(*headers))
            return
        if self.path.partition("?")[0] != "/v1/audio/transcriptions":
            self._send(404, b"no such page", {})
            return
        samples, rate = soundfile.read(io.BytesIO(service.asked[-1]["file"]), dtype="float32")
        text = service.transcribe(samples, rate)
        self._send(200, json.dumps({"text": text}).encode(), {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


def _fields(kind: str, body: bytes) -> dict[str, object]:
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    return {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        if part.get_filename()
        else part.get_payload(decode=True).decode()
        for part in form.iter_parts()
    }
