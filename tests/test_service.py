"A service over HTTP, in a process of its own: answers, limits, hostile and hanging clients, the token, its end"
import http.client, json, os, re, signal, socket, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

for name in ("httptools", "python_multipart", "uvicorn"): pytest.importorskip(name)

from fashion_tagger.bulk import tag_photos
from fashion_tagger.drawing import draw_garment

from colour_service import colour_tagger
from hostile_photos import encoded, hostile_files

SCRIPT = Path(__file__).with_name("colour_service.py")
PHOTO = encoded(Image.new("RGB", (48, 64), "red"), "PNG")


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self): return json.loads(self.body)

    def says(self, status, words):
        "An error is a status and one line of JSON, and tells nothing of the code"
        assert self.status == status, self.body
        assert self.body.count(b"\n") == 1 and [*self.json()] == ["error"] and words in self.json()["error"], self.body
        return True


def read(s):
    "The answer on a connection"
    response = http.client.HTTPResponse(s)
    response.begin()
    return Answer(response)


class Server:
    "A service in a process of its own"
    def __init__(self, folder, token=None, delay=0, **limits):
        options = json.dumps(dict(limits=limits, token=token, delay=delay))
        env = os.environ | dict(TMPDIR=str(folder), PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
        self.process = subprocess.Popen([sys.executable, SCRIPT, options], cwd=folder, env=env, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.folder, self.port = folder, int(self.process.stdout.readline())

    def connect(self): return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, path, body=None, method=None, **headers):
        connection = self.connect()
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        connection.request(method or ("GET" if body is None else "POST"), path, body, headers)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def send(self, data):
        "A connection on which only this is sent"
        s = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        s.sendall(data)
        return s

    def form(self, photos, path="/tag"):
        parts = [f'--x\r\nContent-Disposition: form-data; name="p"; filename="{name}"\r\n\r\n'.encode() + data
                 for name, data in photos]
        body = b"\r\n".join([*parts, b"--x--\r\n"])
        return self.ask(path, body, content_type="multipart/form-data; boundary=x")

    def metric(self, line):
        text = self.ask("/metrics").body.decode()
        found = re.search(rf"^fashion_tagger_{re.escape(line)} (.*)$", text, re.M)
        return float(found[1]) if found else 0

    def end(self):
        "Exit status, and what it said on standard error"
        self.process.terminate()
        _, err = self.process.communicate(timeout=20)
        return self.process.returncode, err


@pytest.fixture
def start(tmp_path):
    "A function that starts a server; each must end quietly, and leave no file"
    servers = []

    def started(**options):
        folder = tmp_path/f"server{len(servers)}"
        folder.mkdir()
        servers.append(Server(folder, **options))
        return servers[-1]

    yield started
    for server in servers:
        if server.process.poll() is None: assert server.end() == (0, "")
        assert not [*server.folder.iterdir()]


def test_answers(start):
    "The rows are those of `tag`, for a photo or a form"
    server, tagger, large = start(), colour_tagger(), np.random.default_rng(0).integers(0, 255, (900, 900, 3), np.uint8)
    photos = [("réd shirt.png", PHOTO), ("large.png", encoded(Image.fromarray(large), "PNG")), ("text.jpg", b"none")]
    assert len(photos[1][1]) > 2**20  # more than what many servers keep in memory
    rows = [*tag_photos(tagger, [data for _, data in photos])]
    expected = [row | dict(image=name) for row, (name, _) in zip(rows, photos)]
    expected[2]["error"] = "text.jpg: not a readable image (of no known format)"
    assert server.form(photos).json() == expected
    assert server.ask("/tag?image=r%C3%A9d%20shirt.png", PHOTO).json() == expected[0]
    assert server.ask("/tag?top=2", PHOTO).json()["likeliest"]["colour"][0] == ["red", expected[0]["colour_p"]]
    assert server.ask("/tag", photos[2][1]).says(422, "photo: not a readable image")
    features = server.form(photos, "/embed").json()
    assert np.float32(features[0]["features"]).tolist() == tagger.embed(PHOTO).tolist()
    assert features[2]["features"] is None and features[2]["error"] == expected[2]["error"]
    assert server.ask("/schema").json()["targets"][1] == dict(
        kind="tags", name="tags", tags=[*tagger.schema["tags"].tags], sep="|")


def test_batches(start):
    "Photos that come together run together, and each gets its own answer"
    server, colours = start(delay=.05), ["red", "green", "blue"]*12
    files = {c: encoded(Image.new("RGB", (48, 64), "lime" if c == "green" else c), "PNG") for c in set(colours)}
    with ThreadPoolExecutor(36) as pool: answers = [*pool.map(lambda c: server.ask("/tag", files[c]).json(), colours)]
    assert [a["colour"] for a in answers] == colours
    assert server.metric("batch_photos_sum") == 36 and server.metric("batch_photos_count") < 20
    assert server.metric('photos_total{path="/tag"}') == 36
    assert server.metric('requests_total{path="/tag",status="200"}') == 36
    assert server.metric('request_seconds_count{path="/tag"}') == 36 and server.metric("queued_photos") == 0


def test_limits(start):
    server = start(photo_mb=.1, request_mb=.3, photos=3, megapixels=1)
    heavy, wide = bytes(150_000), encoded(Image.new("RGB", (1200, 1000)), "PNG")
    connection = server.connect()
    connection.request("POST", "/tag", heavy)
    assert Answer(connection.getresponse()).says(413, "the photo has more than 0.1 MB")
    connection.request("POST", "/tag", PHOTO)  # the rest of the body was passed over
    assert connection.getresponse().status == 200
    assert server.ask("/tag", iter([heavy[:80_000]]*9)).says(413, "more than 0.1 MB")
    assert server.ask("/tag", wide).says(413, "photo: 1.2 megapixels; at most 1 are taken")
    assert server.form([("a.png", PHOTO)]*4).says(413, "more than 3 photos")
    assert server.form([("a.png", heavy)]*3).says(413, "the request has more than 0.3 MB")
    assert [bool(row["error"]) for row in server.form([("a", PHOTO), ("b", heavy), ("c", wide)]).json()] == [0, 1, 1]
    assert server.ask("/tag", b"").says(400, "there is no photo")
    assert server.ask("/tag", b"x", content_type="multipart/form-data").says(400, "no boundary")
    assert server.ask("/tag", b"--x\r\nno head", content_type="multipart/form-data; boundary=x").says(400, "the form")
    assert server.ask("/tag").says(405, "/tag takes POST") and server.ask("/x").says(404, "no such path")
    assert server.metric('errors_total{kind="bytes"}') == 3 and server.metric('errors_total{kind="too_large"}') == 3
    assert server.metric("held_bytes") == 0


def test_too_much_at_once(start):
    "A full queue refuses, and says when to try again; those in it are answered"
    server = start(delay=.4, queue=8, photos=8)
    with ThreadPoolExecutor(30) as pool: answers = [*pool.map(lambda _: server.ask("/tag", PHOTO), range(30))]
    refused = [a for a in answers if a.status != 200]
    assert 8 <= 30 - len(refused) < 30
    assert all(a.says(503, "try again soon") and a.headers["retry-after"] == "1" for a in refused)
    assert server.ask("/tag", PHOTO).status == 200


def test_late_answer(start):
    assert start(delay=.6, seconds=.3).ask("/tag", PHOTO).says(504, "there is no answer within 0.3 s")


def test_not_http(start):
    server = start(connections=5)
    for sent, status in ((b"\x16\x03\x01 no HTTP\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nA: " + b"a"*70_000, 431)):
        with server.send(sent) as s: read(s).says(status, "")
    idle = [server.send(b"") for _ in range(5)]
    with server.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") as s:
        read(s).says(503, "too many connections")
    for s in idle: s.close()
    for _ in range(50):
        if server.ask("/health").status == 200: break
        time.sleep(.1)
    else: raise AssertionError("closed connections still count")


def test_hanging_clients(start):
    "Clients that stop in the middle are let go, and keep nobody waiting"
    server, head = start(seconds=2), b"POST /tag HTTP/1.1\r\nHost: localhost\r\n"
    kinds = b"", b"POST /t", head, head + b"Content-Length: 90\r\n\r\nxx"
    hanging = [server.send(kind) for kind in kinds for _ in range(20)]
    for _ in range(10): assert server.ask("/tag", PHOTO).status == 200
    for s in hanging[:60]: assert s.recv(1000) == b""  # closed when its time is over
    for s in hanging[60:]: read(s).says(408, "the request did not arrive within 2 s")
    for s in hanging: s.close()
    assert server.metric("held_bytes") == 0


def test_hostile_photos(start):
    "Whatever is sent, the answer is tags or one line, and the next photo is tagged"
    server, rng = start(megapixels=30), np.random.default_rng(0)
    photo, connection = draw_garment("dress", "red", "dotted", "short", (160, 120), seed=0), server.connect()
    for kind, data in islice(hostile_files(photo, rng), 150):
        connection.request("POST", "/tag", data)
        answer = Answer(connection.getresponse())
        assert answer.status in (200, 400, 413, 422), (kind, answer.body)
        if answer.status != 200: answer.says(answer.status, "photo")
        assert b"Traceback" not in answer.body and b"0x" not in answer.body
    assert server.ask("/tag", PHOTO).status == 200


def test_token(start):
    server = start(token="a-long-word-that-nobody-knows")
    for path in ("/schema", "/metrics", "/openapi.json"):
        assert server.ask(path).says(401, "Authorization: Bearer TOKEN")
    for word in ("", "Bearer", "Bearer wrong", "Basic a-long-word-that-nobody-knows"):
        assert server.ask("/tag", PHOTO, authorization=word).says(401, "Bearer")
    known = dict(authorization="Bearer a-long-word-that-nobody-knows")
    assert server.ask("/tag", PHOTO, host="tags.example.com", **known).status == 200
    assert server.ask("/").status == server.ask("/docs").status == server.ask("/health").status == 200


def test_pages_from_elsewhere(start):
    "Without a token, a page from elsewhere gets nothing, whatever name it goes by"
    server = start()
    own = f"http://127.0.0.1:{server.port}"
    assert server.ask("/tag", PHOTO, origin=own).status == 200
    for headers in (dict(host="evil.example"), dict(origin="http://evil.example"), dict(origin="null"),
                    dict(sec_fetch_site="cross-site")):
        assert server.ask("/tag", PHOTO, **headers).says(403, "serve with --token")
    assert "access-control-allow-origin" not in server.ask("/tag", PHOTO, origin=own).headers


def test_end(start):
    "SIGTERM: what has arrived is answered, nothing new is taken"
    server = start(delay=.5)
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(server.ask, "/tag", PHOTO) for _ in range(20)]
        while server.metric('photos_total{path="/tag"}') < 20: time.sleep(.05)
        server.process.send_signal(signal.SIGTERM)
        assert [a.result().status for a in asked] == [200]*20
    assert server.process.wait(20) == 0
    with pytest.raises(ConnectionRefusedError): server.send(b"")
