"""A web server on this machine that serves one file, well or badly."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Web:
    """What the server does with the next requests; `requests` has the `Range` header of each so far.

    `answers` has one entry for each request, the last one for all further ones: `None` serves the file, a number of
    bytes breaks the connection after so many, and a status refuses.
    """

    content: bytes
    url: str = ""
    ranges: bool = True
    declares_length: bool = True
    shift: int = 0
    answers: list[Any] = field(default_factory=lambda: [None])
    requests: list[str | None] = field(default_factory=list)


class Refuse(int):
    """An HTTP status instead of the file."""


@contextlib.contextmanager
def serve(content: bytes) -> Iterator[Web]:
    web = Web(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            web.requests.append(asked)
            answer = web.answers.pop(0) if len(web.answers) > 1 else web.answers[0]
            if isinstance(answer, Refuse):
                self.send_error(answer)
                return
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and web.ranges else 0
            if start and start >= len(web.content):
                self.send_error(416)
                return
            start += web.shift if start else 0
            body = web.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(web.content) - 1}/{len(web.content)}")
            if web.declares_length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # clients may hang up
                self.wfile.write(body if answer is None else body[:answer])

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.url = f"http://127.0.0.1:{server.server_port}/file"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
