"""A web server for tests: a few paths over TLS on loopback, and what was asked of it."""

from __future__ import annotations

import http.server
import ssl
import threading
import time
from typing import Self

from ringfence.testing.certificates import Pair


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Who hangs up early is part of the play."""


class Https:
    """Serves `pages` at https://localhost:port. A context manager; serving is in a thread of its own."""

    def __init__(self, pair: Pair, pages: dict[str, bytes]) -> None:
        self.pages = pages
        self.asked: list[str] = []
        self.delay_s = 0.0
        """How long each answer takes."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str) -> str:
        """Where a page is."""
        return f"https://localhost:{self.port}{path}"

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                time.sleep(outer.delay_s)
                page = outer.pages.get(self.path)
                tag = f'"{hash(page):x}"'
                if page is not None and self.headers.get("If-None-Match") == tag:
                    self.send_response(304)
                    self.end_headers()
                    return
                self.send_response(302 if self.path == "/moved" else 404 if page is None else 200)
                self.send_header("Location", outer.url("/there"))
                self.send_header("ETag", tag)
                self.end_headers()
                self.wfile.write(page or b"")

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        return Handler
