"""Photos per second over HTTP beside `tag` on the same files, and what a service does when it is treated badly.

    python benchmarks/serve.py BUNDLE PHOTOS [--limit N] [--requests N] [--hostile N] [--repeats N] [--clients 1,8,64]
                                             [--json FILE]

PHOTOS is a folder of JPEG files, which are read once before anything is timed. `tag` is `tag_photos` in a process of
its own, without its start. The service is `fashion-tagger serve` in a process of its own; one process holds all
clients, each with a connection that stays open, a photo per request, and the next request after the answer. `tag` and
the service take turns. All of them share the machine's cores, the clients included. Every answer is compared with the
row of `tag`. Run it on an otherwise idle machine."""
import argparse, asyncio, json, os, re, statistics, subprocess, sys, tempfile, time
from collections import Counter
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import quote

from machine import processor

TIMEOUT = 10  # seconds, after which the service lets go of a client that hangs
TAG = """
import json, sys, time
from fashion_tagger.bulk import tag_photos
from fashion_tagger.inference import Tagger
bundle, files = sys.argv[1], json.load(sys.stdin)
tagger = Tagger.load(bundle)
for _ in tagger.stream(files[:64]): pass
start = time.perf_counter()
rows = list(tag_photos(tagger, files))
print(json.dumps(dict(seconds=time.perf_counter() - start, rows=rows)))
"""


def tag(bundle, files):
    "Photos per second, and the rows"
    command = [sys.executable, "-c", TAG, bundle]
    out = subprocess.run(command, input=json.dumps(files), capture_output=True, text=True, check=True).stdout
    found = json.loads(out)
    return len(files)/found["seconds"], found["rows"]


class Server:
    def __init__(self, bundle):
        command = [sys.executable, "-c", "from fashion_tagger.cli import main; main()", "serve", bundle, "--port", "0",
                   "--timeout", str(TIMEOUT)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(re.search(r":(\d+)/$", self.process.stdout.readline().strip())[1])

    def megabytes(self, what="VmRSS"):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{what}:\s+(\d+)", status)[1])/1000

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13]))/os.sysconf("SC_CLK_TCK")

    def end(self):
        self.process.terminate()
        return self.process.wait(30)


def request(name, data):
    head = f"POST /tag?image={quote(name)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


class Client(asyncio.Protocol):
    "A connection that asks one thing after the other"
    def __init__(self, requests, answered, done):
        self.requests, self.answered, self.done, self.buffer = requests, answered, done, b""

    def connection_made(self, transport):
        self.transport = transport
        self.ask()

    def ask(self):
        self.key, data = next(self.requests, (None, None))
        if data is None:
            self.transport.close()
            return
        self.sent = time.perf_counter()
        self.transport.write(data)

    def data_received(self, data):
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end or len(body) < int(re.search(rb"content-length: (\d+)", head)[1]): return
        self.buffer = b""
        self.answered(self.key, int(head[9:12]), body, time.perf_counter() - self.sent)
        if b"connection: close" not in head: self.ask()

    def connection_lost(self, exc):
        if not self.done.done(): self.done.set_result(None)


async def ask_all(port, requests, clients, answered):
    loop, requests = asyncio.get_running_loop(), iter(requests)
    waiting = [loop.create_future() for _ in range(clients)]
    for done in waiting: await loop.create_connection(lambda d=done: Client(requests, answered, d), "127.0.0.1", port)
    await asyncio.gather(*waiting)


def load(server, requests, clients, watch=None):
    "Photos per second, seconds of each answer, statuses and bodies"
    seconds, statuses, bodies = [], Counter(), {}
    def answered(key, status, body, took):
        seconds.append(took)
        statuses[status] += 1
        bodies[key] = body
        if watch: watch(len(seconds))
    start = time.perf_counter()
    asyncio.run(ask_all(server.port, requests, clients, answered))
    return len(seconds)/(time.perf_counter() - start), seconds, statuses, bodies


def times(seconds):
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {1000*cuts[49]:5.0f} ms, p99 {1000*cuts[98]:5.0f} ms"


def throughput(bundle, files, server, clients, repeats):
    "`tag` and the service by turns"
    requests = [(file, request(file, Path(file).read_bytes())) for file in files]
    rates, seconds, same = {"tag": []}, {}, []
    for _ in range(repeats):
        rate, rows = tag(bundle, files)
        rates["tag"].append(rate)
        for n in clients:
            cpu = server.cpu_seconds()
            rate, took, statuses, bodies = load(server, requests, n)
            assert statuses == {200: len(files)}, statuses
            same.append(statistics.mean(json.loads(bodies[row["image"]]) == row for row in rows))
            rates.setdefault(n, []).append(rate)
            seconds.setdefault(n, []).extend(took)
            cpu = 1000*(server.cpu_seconds() - cpu)/len(files)
    medians = {name: statistics.median(r) for name, r in rates.items()}
    print(f"tag{'':24} {medians['tag']:7,.0f} photos/s", flush=True)
    for n in clients:
        share = medians[n]/medians["tag"]
        rate = f"{medians[n]:7,.0f} photos/s, {share:4.0%} of tag"
        print(f"{n:3} client{'s' if n > 1 else ' '}{'':16} {rate}, {times(seconds[n])}", flush=True)
    print(f"answers equal to tag's: {min(same):.2%}; processor time of the service: {cpu:.1f} ms per photo", flush=True)
    return {str(k): v for k, v in medians.items()}


def steady(server, files, n):
    "Memory over many requests"
    requests, seen = [(file, request(file, Path(file).read_bytes())) for file in files], []
    def watch(done):
        if done % max(n//10, 1) == 0: seen.append(server.megabytes())
    _, seconds, statuses, _ = load(server, islice(cycle(requests), n), 64, watch)
    megabytes = " ".join(f"{m:.0f}" for m in seen)
    print(f"{n:,} requests: {dict(statuses)}, {times(seconds)}; MB after each tenth: {megabytes}", flush=True)
    return seen


def hostile(server, n):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]/"tests"))
    import numpy as np
    from fashion_tagger.drawing import draw_garment
    from hostile_photos import hostile_files
    photo = draw_garment("dress", "red", "dotted", "short", (160, 120), seed=0)
    kinds = list(islice(hostile_files(photo, np.random.default_rng(0)), n))
    requests = [(i, request(kind, data)) for i, (kind, data) in enumerate(kinds)]
    _, seconds, statuses, bodies = load(server, requests, 8)
    assert not any(b"Traceback" in body or body.count(b"\n") != 1 for body in bodies.values())
    print(f"{n:,} hostile photos: {dict(sorted(statuses.items()))}, longest {max(seconds):.1f} s; "
          f"peak {server.megabytes('VmHWM'):,.0f} MB", flush=True)
    return dict(statuses)


class Hanging(asyncio.Protocol):
    "A client that stops in the middle, and notes what it is told and when"
    def __init__(self, done): self.done, self.start = done, time.perf_counter()
    def connection_made(self, transport): transport.write(request("x", bytes(1000))[:500])

    def data_received(self, data):
        if not self.done.done(): self.done.set_result((data[9:12].decode(), time.perf_counter() - self.start))

    def connection_lost(self, exc):
        if not self.done.done(): self.done.set_result(("closed", time.perf_counter() - self.start))


def beside_hanging(server, files, hanging=20):
    "Others' answers while clients hang, and how these are let go"
    requests, seconds = [(file, request(file, Path(file).read_bytes())) for file in files], []
    async def run():
        loop = asyncio.get_running_loop()
        ends = [loop.create_future() for _ in range(hanging)]
        for end in ends: await loop.create_connection(lambda e=end: Hanging(e), "127.0.0.1", server.port)
        await ask_all(server.port, requests, 8, lambda key, status, body, took: seconds.append(took))
        return await asyncio.gather(*ends)
    ends = asyncio.run(run())
    print(f"beside {hanging} clients that hang: {times(seconds)}; they were told {dict(Counter(e for e, _ in ends))} "
          f"after {max(s for _, s in ends):.1f} s", flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("photos")
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--hostile", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--clients", default="1,8,64")
    parser.add_argument("--json")
    return parser.parse_args()


def main():
    args = arguments()
    print(processor(), flush=True)
    files = [str(f) for f in sorted(Path(args.photos).glob("*.jpg"))[:args.limit]]
    for f in files: Path(f).read_bytes()
    clients = [int(n) for n in args.clients.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder
        server = Server(args.bundle)
        found = dict(rates=throughput(args.bundle, files, server, clients, args.repeats))
        _, seconds, statuses, _ = load(server, [(f, request(f, Path(f).read_bytes())) for f in files], 200)
        print(f"200 connections: {dict(statuses)}, {times(seconds)}", flush=True)
        if args.requests: found["megabytes"] = steady(server, files, args.requests)
        if args.hostile: found["hostile"] = hostile(server, args.hostile)
        beside_hanging(server, files[:500])
        print(f"SIGTERM: status {server.end()}; files written: {len(os.listdir(folder))}", flush=True)
    if args.json: Path(args.json).write_text(json.dumps(found, indent=1))


if __name__ == "__main__": main()
