"""A small server for the page: gives out lists and stores each finished part at once."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import DataError, DesignError
from .records import check_part, load, parse
from .site import MEDIA_TYPES
from .store import Store

#: Largest bodies of requests, in bytes: an hour at ten samples a second has two million.
_LARGEST = {"/api/start": 4096, "/api/save": 8 * 1024**2}

#: Most bodies that are taken apart at a time: what one holds may need twenty times its size.
_MOST_BODIES = 4

#: Seconds after which a silent connection is closed, and one whose request is not whole.
_TIMEOUT = 30
_LONGEST_REQUEST = 120

#: Bytes a second below which nobody takes a file.
_SLOWEST = 10_000

#: Most connections at a time; browsers whose connection is dropped ask again.
_MOST_CONNECTIONS = 400

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    **MEDIA_TYPES,
}

_TOKEN = re.compile(r"[0-9a-f]{32}")


class RefusedError(Exception):
    """A request that is not answered, with its status and the text that the page shows."""

    def __init__(self, status: HTTPStatus, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


class AnnotationServer(ThreadingHTTPServer):
    """Serves one page and stores what comes from it.

    Parameters
    ----------
    site : Path
        Folder of the page, as `write_annotation_page` writes it.
    data : Path
        Folder for the data, outside that of the page.
    host, port : str, int
        Where to listen; port 0 takes a free one.
    origins : sequence of str
        Addresses under which browsers see the page, beside that of the server itself; needed
        behind a proxy.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        site: Path,
        data: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 8000,
        origins: Sequence[str] = (),
    ) -> None:
        place = site / "study.json"
        if not place.is_file():
            raise DataError("not a page of a study", file=site, expected="a file study.json")
        if data.resolve().is_relative_to(site.resolve()):
            raise DesignError("the data must not lie in the folder of the page, which all can read")
        self.store = Store(data, load(place))
        # only what is there at the start is served, under exactly these names
        self.pages = {
            f"/{path.relative_to(site).as_posix()}": path
            for path in sorted(site.rglob("*"))
            if path.is_file() and not path.is_symlink() and path.suffix.lower() in _TYPES
        }
        self.pages["/"] = site / "index.html"
        named = {_origin(each) for each in origins}
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            raise DesignError(
                f"cannot listen at {host}:{port}: {error.strerror}; name another port or host"
            ) from None
        self._free = threading.Semaphore(_MOST_CONNECTIONS)
        self.checking = threading.Semaphore(_MOST_BODIES)
        self.until: dict[socket.socket, float] = {}
        number = self.server_address[1]
        own = {_origin(f"http://{name}:{number}") for name in ("127.0.0.1", "localhost", host)}
        self.origins = own | named

    @property
    def address(self) -> str:
        """Address of the page."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, or not at all where there are too many already."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def service_actions(self) -> None:
        """Cut off whoever takes too long to ask or to take what is sent."""
        now = time.monotonic()
        for connection, until in list(self.until.items()):
            if now > until:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: Any) -> None:
        """Print a fault of the server without the address of the participant."""
        error = sys.exception()
        if not isinstance(error, OSError):  # a connection that went away
            traceback.print_exception(error)


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise DesignError(f"an origin must be like https://study.example.org, not {text!r}")
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(usual)}"


def _asked(content: bytes) -> Mapping[str, Any]:
    """What a body says, with a key."""
    value = parse(content, "request")
    token = value.get("token") if isinstance(value, dict) else None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "not_a_key")
    return dict(value)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: AnnotationServer
    protocol_version = "HTTP/1.1"
    server_version = "muvistats"
    sys_version = ""
    timeout = _TIMEOUT

    def handle_one_request(self) -> None:
        """Take a request within its time."""
        self.server.until[self.connection] = time.monotonic() + _LONGEST_REQUEST
        try:
            super().handle_one_request()
        finally:
            self.server.until.pop(self.connection, None)

    def do_GET(self) -> None:
        """Send a file of the page."""
        self._file(body=True)

    def do_HEAD(self) -> None:
        """Say what a file of the page is."""
        self._file(body=False)

    def _file(self, *, body: bool) -> None:
        if {"Content-Length", "Transfer-Encoding"} & set(self.headers):
            self.close_connection = True  # what comes with it is not read
        path = self.server.pages.get(self.path.partition("?")[0])
        try:
            stream = None if path is None else path.open("rb")
        except OSError:
            stream = None
        if path is None or stream is None:
            missing = b"not found\n"
            self._head(HTTPStatus.NOT_FOUND, len(missing), "text/plain")
            self.wfile.write(missing if body else b"")
            return
        with stream:
            size = stream.seek(0, os.SEEK_END)
            self._head(HTTPStatus.OK, size, _TYPES[path.suffix.lower()])
            stream.seek(0)
            if body:
                longest = _LONGEST_REQUEST + size / _SLOWEST
                self.server.until[self.connection] = time.monotonic() + longest
                shutil.copyfileobj(stream, self.wfile)

    def do_POST(self) -> None:
        """Begin or go on, or store a part."""
        calls = {"/api/start": self._start, "/api/save": self._save}
        try:
            content = self._body()
            with self.server.checking:
                answer = calls[self.path](_asked(content))
            status = HTTPStatus.OK
        except RefusedError as refused:
            answer, status = {"error": refused.error}, refused.status
            self.close_connection = True  # what it sent may not have been read
        except DataError as error:
            answer, status = {"error": "refused", "why": str(error)}, HTTPStatus.BAD_REQUEST
        except OSError:
            answer, status = {"error": "not_stored"}, HTTPStatus.INSUFFICIENT_STORAGE
        content = json.dumps(answer).encode()
        self._head(status, len(content), "application/json")
        self.wfile.write(content)

    def _body(self) -> bytes:
        """What was sent, where it comes from the page and is not too large."""
        largest = _LARGEST.get(self.path)
        if largest is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "unknown_address")
        if self.headers.get("Origin") not in self.server.origins:
            raise RefusedError(HTTPStatus.FORBIDDEN, "unknown_origin")
        if self.headers.get_content_type() != "application/json":
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_json")
        length, *more = self.headers.get_all("Content-Length", [""])
        if more or not re.fullmatch(r"[0-9]{1,12}", length) or "Transfer-Encoding" in self.headers:
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "no_length")
        if int(length) > largest:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
        try:
            return self.rfile.read(int(length))
        except OSError:
            raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, "not_whole") from None

    def _start(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        store = self.server.store
        participant = asked.get("participant")
        if asked.get("study") != store.study["id"]:
            raise RefusedError(HTTPStatus.CONFLICT, "no_server")
        if participant is not None and (
            not isinstance(participant, str) or participant not in store.study["lists"]
        ):
            raise RefusedError(HTTPStatus.NOT_FOUND, "unknown_participant")
        if asked.get("given") is True and not (
            participant is not None and store.is_key(participant, asked["token"])
        ):
            raise RefusedError(HTTPStatus.FORBIDDEN, "no_key")  # whoever withdrew takes no list
        given = store.start(participant, asked["token"])
        if given is None:
            error = "no_list" if participant is None else "in_use"
            raise RefusedError(HTTPStatus.CONFLICT, error)
        return {"participant": given, "done": store.done(given)}

    def _save(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        store = self.server.store
        participant = sent.get("participant")
        known = isinstance(participant, str) and participant in store.study["lists"]
        if not known or not store.is_key(str(participant), sent["token"]):
            raise RefusedError(HTTPStatus.FORBIDDEN, "no_key")
        part = check_part(store.study, str(participant), sent.get("part"))
        if not store.save(part, sent["token"]):
            raise RefusedError(HTTPStatus.FORBIDDEN, "no_key")
        return {"stored": True}

    def _head(self, status: HTTPStatus, length: int, kind: str) -> None:
        self.server.until.pop(self.connection, None)
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(length),
            "Cache-Control": "no-store" if kind == "application/json" else "no-cache",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "X-Muvistats": "1",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: addresses of participants are personal data."""
