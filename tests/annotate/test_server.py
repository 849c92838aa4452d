"""The server: hands out lists, stores parts, and refuses what it does not know."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import os
import socket
import struct
import threading
import time

import pytest

import muvistats as mv
from muvistats.annotate import server as server_module
from muvistats.annotate.server import AnnotationServer
from muvistats.annotate.store import Store
from muvistats.cli import main
from muvistats.files import _work_name

KEY = "0123456789abcdef" * 2
OTHER = "f" * 32


class Client:
    """Requests as a browser makes them."""

    def __init__(self, server):
        self.server = server
        self.port = server.server_address[1]

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def post(self, path, value, *, origin="own", kind="application/json"):
        origin = f"http://127.0.0.1:{self.port}" if origin == "own" else origin
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        headers = {"Origin": origin} if origin else {}
        status, content, _ = self.ask("POST", path, body, **headers | {"Content-Type": kind})
        return status, json.loads(content)

    def start(self, token=KEY, participant=None, **more):
        study = self.server.store.study["id"]
        value = {"study": study, "participant": participant, "token": token}
        return self.post("/api/start", value, **more)

    def save(self, participant, part, token=KEY):
        value = {"participant": participant, "token": token, "part": part}
        return self.post("/api/save", value)


@pytest.fixture(scope="module")
def site(shared_site):
    return shared_site


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def client(site, data):
    with AnnotationServer(site, data, port=0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield Client(server)
        server.shutdown()
        thread.join()


@pytest.fixture
def plan(site):
    return json.loads((site / "study.json").read_text())["lists"]


def test_lists_are_given_out_in_order_and_none_twice(client):
    given = [client.start(token=f"{n:032x}") for n in range(4)]
    assert [answer.get("participant") for _, answer in given] == ["P1", "P2", "P3", None]
    assert given[3] == (409, {"error": "no_list"})
    assert client.start(token=f"{1:032x}") == (200, {"participant": "P2", "done": []})
    assert client.start(token=KEY, participant="P2") == (409, {"error": "in_use"})
    assert client.start(participant="nobody")[0] == 404


def test_two_at_once_get_two_lists(client):
    found = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(client.start(token=f"{n:032x}")))
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["participant"] for _, answer in found) == ["P1", "P2", "P3"]


def test_two_servers_on_one_folder_give_no_list_twice(site, data):
    first, second = (Store(data, json.loads((site / "study.json").read_text())) for _ in "ab")
    assert [store.start(None, key) for store, key in ((first, KEY), (second, OTHER))] == [
        "P1",
        "P2",
    ]


def test_a_part_is_stored_once_and_goes_on_after_a_restart(client, site, data, plan, make_trial):
    client.start()
    part = make_trial(plan["P1"][0])
    assert client.save("P1", part) == (200, {"stored": True})
    place = data / "ratings/P1/trial-001.json"
    before = place.read_bytes()
    assert json.loads(before)["samples"] == part["samples"]
    # sent again, with something else: what is there stays
    assert client.save("P1", part | {"familiar": False})[0] == 200
    assert place.read_bytes() == before
    personal = {
        "kind": "personal",
        "consent": "2026",
        "age": 20,
        "gender": "other",
        "years_of_training": 1,
    }
    for years in (21, -1, "1", None):
        assert client.save("P1", personal | {"years_of_training": years})[0] == 400
    assert client.save("P1", personal)[0] == 200
    assert json.loads((data / "personal/P1.json").read_text())["age"] == 20
    assert not [path for path in (data / "ratings").rglob("*") if "20" in path.name]
    with AnnotationServer(site, data, port=0) as again:
        assert again.store.start(None, KEY) == "P1"
        assert again.store.done("P1") == [1, "personal"]
    assert KEY not in "".join(p.read_text() for p in (data / "sessions").iterdir())


@pytest.mark.parametrize(
    "path",
    [
        "/../data/study.json",
        "/%2e%2e/secret",
        "/assets/../../secret",
        "/assets/",
        "/etc/passwd",
        "/study.json/",
        "/data/personal/P1.json",
        "/api/start",
        "/\0",
        "//evil.example/study.json",
    ],
)
def test_unknown_paths_are_not_found(client, path):
    if path == "/\0":
        path = "/%00"
    assert client.ask("GET", path)[0] == 404


def test_files_of_the_page_are_served_with_their_types(client):
    for path, kind in (("/", "text/html"), ("/study.json?x=1", "application/json")):
        status, body, headers = client.ask("GET", path)
        assert status == 200
        assert body
        assert headers["Content-Type"].startswith(kind)
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert client.ask("HEAD", "/")[1] == b""
    assert client.ask("GET", "/media/clip-001.mp4")[2]["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("origin", ["", "null", "http://evil.example", "http://127.0.0.1"])
def test_other_origins_are_refused(client, data, origin):
    assert client.start(origin=origin) == (403, {"error": "unknown_origin"})
    assert not list((data / "sessions").iterdir())


def test_an_origin_behind_a_proxy_is_named(site, data):
    origins = ["https://study.example/", "https://Two.Example:443", "http://lab:8000"]
    with AnnotationServer(site, data, port=0, origins=origins) as server:
        # as browsers say them: small letters, no usual port
        assert {"https://study.example", "https://two.example", "http://lab:8000"} < server.origins
        taken = server.server_address[1]
        with pytest.raises(mv.DesignError, match=f"cannot listen at 127.0.0.1:{taken}.*port"):
            AnnotationServer(site, data, port=taken)
    with pytest.raises(mv.DesignError, match="origin"):
        AnnotationServer(site, data, port=0, origins=["study.example"])


def test_sizes_kinds_and_addresses_are_refused(client):
    assert client.post("/api/other", {}) == (404, {"error": "unknown_address"})
    assert client.start(kind="text/plain")[0] == 415
    assert client.post("/api/start", b"{")[0] == 400
    assert client.post("/api/start", b'{"token": NaN}')[0] == 400
    assert client.post("/api/save", b"[" * 100_000)[0] == 400
    assert client.post("/api/start", [])[0] == 400
    own = f"http://127.0.0.1:{client.port}"
    headers = {"Origin": own, "Content-Type": "application/json"}
    for path, length in (("/api/save", 99_999_999), ("/api/start", 5000)):
        told = headers | {"Content-Length": str(length)}
        assert client.ask("POST", path, b"", **told)[0] == 413
    assert client.ask("POST", "/api/save", b"", **headers | {"Content-Length": "-1"})[0] == 411
    for method in ("PUT", "DELETE", "OPTIONS"):
        assert client.ask(method, "/api/save", b"{}")[0] == 501


def test_nobody_writes_for_another(client, data, plan, make_trial):
    client.start()
    client.start(token=OTHER)
    part = make_trial(plan["P1"][0])
    for participant, token in (("P1", OTHER), ("P3", KEY), ("../P1", KEY), ("", KEY), (None, KEY)):
        assert client.save(participant, part, token)[0] == 403
    for token in ("", "x" * 32, None, 7, int("1" * 32), [KEY], KEY.upper()):
        assert client.save("P1", part, token)[0] == 400
    assert not list((data / "ratings").iterdir())


class Raw:
    """A connection on which anything is sent."""

    def __init__(self, client):
        self.socket = socket.create_connection(("127.0.0.1", client.port), timeout=10)

    def ask(self, text):
        self.socket.sendall(text.replace("\n", "\r\n").encode())
        answer = b""
        while more := self.socket.recv(65536):
            answer += more
        self.socket.close()
        return answer.decode()

    def vanish(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def test_an_address_that_is_none_is_not_found(client):
    assert Raw(client).ask("GET http://[ HTTP/1.0\n\n").startswith("HTTP/1.1 404")


def test_what_comes_with_a_question_is_no_second_one(client):
    body = "GET /index.html HTTP/1.1\n\n"
    for more in (f"Content-Length: {len(body) + 2}", "Transfer-Encoding: chunked"):
        answer = Raw(client).ask(f"GET /study.json HTTP/1.1\n{more}\n\n{body}")
        assert answer.count("HTTP/1.1 ") == 1
    head = f"POST /api/save HTTP/1.1\nOrigin: http://127.0.0.1:{client.port}\n"
    head += "Content-Type: application/json\nContent-Length: 2\nContent-Length: 40\n\n"
    answer = Raw(client).ask(head + "{}" + body)
    assert answer.startswith("HTTP/1.1 411")
    assert answer.count("HTTP/1.1 ") == 1


def test_whoever_asks_too_slowly_or_too_often_is_cut_off(client, monkeypatch):
    monkeypatch.setattr(server_module, "_LONGEST_REQUEST", 0.3)
    slow = Raw(client)
    for letter in "GET /":
        slow.socket.sendall(letter.encode())
        time.sleep(0.02)
    assert slow.socket.recv(1) == b""
    slow.socket.close()
    head = f"POST /api/save HTTP/1.1\nOrigin: http://127.0.0.1:{client.port}\n"
    head += "Content-Type: application/json\nContent-Length: 99\n\n"
    assert "HTTP/1.1 200" not in Raw(client).ask(head + "{")
    monkeypatch.setattr(server_module, "_LONGEST_REQUEST", 60)
    taken = 0
    while client.server._free.acquire(timeout=0.2):
        taken += 1
    assert taken == server_module._MOST_CONNECTIONS
    with pytest.raises((OSError, http.client.HTTPException)):
        client.ask("GET", "/")
    client.server._free.release()
    for _ in range(3):  # the one place is free again after each
        assert client.ask("GET", "/")[0] == 200
        time.sleep(0.1)


def test_bodies_are_taken_apart_a_few_at_a_time(client):
    held = [client.server.checking.acquire(timeout=1) for _ in range(server_module._MOST_BODIES)]
    assert all(held)
    found = []
    waiting = threading.Thread(target=lambda: found.append(client.start()))
    waiting.start()
    assert client.ask("GET", "/")[0] == 200  # files are sent all the same
    assert found == []
    client.server.checking.release()
    waiting.join()
    assert found == [(200, {"participant": "P1", "done": []})]


def test_whoever_takes_a_file_too_slowly_is_cut_off(client, monkeypatch, tmp_path):
    size = 64 * 1024**2
    with (tmp_path / "clip.mp4").open("wb") as clip:
        clip.truncate(size)
    client.server.pages["/media/long.mp4"] = tmp_path / "clip.mp4"
    monkeypatch.setattr(server_module, "_LONGEST_REQUEST", 0.2)
    monkeypatch.setattr(server_module, "_SLOWEST", 1e9)
    slow = Raw(client)
    slow.socket.sendall(b"GET /media/long.mp4 HTTP/1.1\r\n\r\n")
    time.sleep(0.6)
    taken = 0
    with contextlib.suppress(OSError):
        while more := slow.socket.recv(2**20):
            taken += len(more)
    slow.socket.close()
    assert 0 < taken < size


def test_no_address_of_a_participant_is_printed(client, monkeypatch, capsys):
    gone = Raw(client)
    gone.socket.sendall(b"GET /media/clip-001.mp4 HTTP/1.1\r\n")
    gone.vanish()

    def broken(*_):
        raise RuntimeError("a fault of the server")

    monkeypatch.setattr(client.server.store, "start", broken)
    with pytest.raises(http.client.HTTPException):
        client.start()
    time.sleep(0.1)
    said = capsys.readouterr()
    assert "a fault of the server" in said.err
    assert "127.0.0.1" not in said.err + said.out


def test_a_full_disk_costs_no_list_and_no_part(client, data, plan, make_trial, monkeypatch):
    flush = os.fsync

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert client.start() == (507, {"error": "not_stored"})
    assert list((data / "sessions").iterdir()) == []
    monkeypatch.setattr(os, "fsync", flush)
    assert client.start()[1]["participant"] == "P1"
    part = make_trial(plan["P1"][0])
    monkeypatch.setattr(os, "fsync", full)
    assert client.save("P1", part)[0] == 507
    assert [path for path in (data / "ratings").rglob("*") if path.is_file()] == []
    monkeypatch.setattr(os, "fsync", flush)
    assert client.save("P1", part)[0] == 200


def test_a_trial_without_its_interface_is_as_it_was_planned(client, plan, make_trial):
    client.start()
    music = next(each for each in plan["P1"] if each["overlay"] is None)
    part = make_trial(music)
    del part["overlay"]
    assert client.save("P1", part)[0] == 200


def nested(part, name, key, value):
    return part | {name: part[name] | {key: value}}


@pytest.mark.parametrize(
    "change",
    [
        {"trial": 9},
        {"trial": "1"},
        {"trial": True},
        {"item": "V9"},
        {"modality": "film"},
        {"labels": []},
        {"labels": ["happy"]},
        {"labels": ["calm", "calm"]},
        {"labels": [["calm"]]},
        {"familiar": "yes"},
        {"duration": -1},
        {"inputs": ["mind"]},
        {"inputs": ["mouse"] * 5},
        {"rate": 10**400},
        {"plane": {"width": -(10**400), "height": 9}},
        {"events": [{"type": "x"}]},
        {"plane": 3},
        {"samples": {}},
        {"started": 3},
        {"kind": "other"},
        {"kind": ["trial"]},
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_part_that_does_not_fit_is_refused(client, data, plan, make_trial, change):
    client.start()
    status, answer = client.save("P1", make_trial(plan["P1"][0]) | change)
    assert status == 400
    assert answer["error"] == "refused"
    assert not list((data / "ratings").iterdir())


@pytest.mark.parametrize(
    ("name", "value"),
    [("valence", 1.01), ("valence", "0"), ("time", 99), ("time", 3.82 + 1e-9), ("focus", 2)],
)
def test_samples_that_do_not_fit_are_refused(client, plan, make_trial, name, value):
    client.start()
    part = make_trial(plan["P1"][0])
    wrong = [*part["samples"][name][:-1], value]
    assert client.save("P1", nested(part, "samples", name, wrong))[0] == 400
    assert client.save("P1", nested(part, "samples", name, wrong[:-1]))[0] == 400


def test_withdrawal_takes_everything_and_closes_the_list(client, data, plan, make_trial, capsys):
    client.start()
    client.save("P1", make_trial(plan["P1"][0]))
    with pytest.raises(SystemExit) as left:
        main(["annotate", "delete", "P1", "--data", str(data)])
    assert left.value.code == 0
    assert capsys.readouterr().out == "P1: 1 files deleted\n"
    assert not (data / "ratings/P1").exists()
    assert client.save("P1", make_trial(plan["P1"][1]))[0] == 403
    assert client.start(token=OTHER)[1]["participant"] == "P2"
    Store(data).delete("P1", reopen=True)
    # a page that was open all the while goes on as nobody, and takes no list
    study = client.server.store.study["id"]
    open_page = {"study": study, "participant": "P1", "token": KEY, "given": True}
    assert client.post("/api/start", open_page) == (403, {"error": "no_key"})
    assert not (data / "sessions/P1.json").exists()
    assert client.start(token="a" * 32)[1]["participant"] == "P1"
    assert client.post("/api/start", open_page) == (403, {"error": "no_key"})
    assert client.post("/api/start", open_page | {"token": "a" * 32})[0] == 200
    with pytest.raises(mv.DataError, match="no such participant"):
        Store(data).delete("P9")


def test_withdrawal_takes_files_and_leftovers_and_stops_a_part_on_its_way(
    site, data, plan, make_trial
):
    study = json.loads((site / "study.json").read_text())
    part = make_trial(plan["P1"][0]) | {"participant": "P1"}
    data.mkdir()
    (data / "study.json").write_text(json.dumps(study))
    for who in ("P1", "P2"):
        whole = {"study": study["id"], "participant": who, "parts": []}
        (data / f"saved-{who}.json").write_text(json.dumps(whole))
    assert Store(data).delete("P1") == 1
    assert sorted(path.name for path in data.iterdir()) == ["saved-P2.json", "study.json"]
    # with a server: what a killed one left half written goes, and a part that was checked before
    for name in ("sessions", "ratings", "personal"):
        (data / name).mkdir()
    store = Store(data, study)
    assert store.start("P1", KEY) == "P1"
    personal = {"kind": "personal", "participant": "P1", "age": 20}
    store.save(personal)
    work = _work_name(data / "personal/P1.json")
    (data / "personal" / f"{work}x").mkdir()
    (data / "personal" / f"{work}x" / "P1.json").write_text("{}")
    assert Store(data).delete("P1") == 1
    assert list((data / "personal").iterdir()) == []
    assert not store.save(part, KEY)
    assert list((data / "ratings").iterdir()) == []


def test_data_lies_apart_and_belongs_to_one_study(site, data, clips, tmp_path):
    with pytest.raises(mv.DesignError, match="must not lie in the folder of the page"):
        AnnotationServer(site, site / "data", port=0)
    with pytest.raises(mv.DataError, match="not a page"):
        AnnotationServer(clips, data, port=0)
    AnnotationServer(site, data, port=0).server_close()
    lists = mv.design_lists(["V1"], n_participants=3, per_cell=1)
    other = mv.write_annotation_page(clips, lists, tmp_path / "other")
    with pytest.raises(mv.DataError, match="another study"):
        AnnotationServer(other, data, port=0)
