"""Photos per second of plain tagging and of one and two workers on Ray, on the same files, and where the overhead lies.

    python benchmarks/cluster.py BUNDLE PHOTOS [--limit N] [--backend BACKEND] [--precision P] [--repeats N]
                                               [--json FILE]

PHOTOS is a folder of JPEG files, which are read once before anything is timed. Plain tagging and each pool of workers
run in a fresh process or a fresh pool; the rate counts from their first rows on, and what comes before it stands beside
it: the start of Ray, and of a worker until its first rows. Then each step by itself: a bundle loaded in a fresh
process, decoding, Ray with workers that do nothing, rows through the object store. Run it on an otherwise idle
machine."""
import argparse, json, os, statistics, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ |= dict(RAY_USAGE_STATS_ENABLED='0', RAY_BACKEND_LOG_LEVEL='fatal')

from machine import processor

BLOCK = 512  # photos, as in a batch of a worker


class Idle:
    "A worker that answers without looking"
    def __call__(self, batch): return batch.append_column('error', batch['photo'])


def rate_after_first(stream):
    "Seconds to the first rows of a stream of numbers of rows, and rows per second from then on"
    start, times, rows = time.perf_counter(), [], []
    for n in stream:
        times.append(time.perf_counter() - start)
        rows.append(n)
    return dict(first_rows_after=times[0], photos_per_second=sum(rows[1:])/(times[-1] - times[0]))


def plain(args):
    "In a process of its own, whose threads FASHION_TAGGER_THREADS limits"
    from fashion_tagger.bulk import tag_photos
    files, start = photo_files(args), time.perf_counter()
    from fashion_tagger.inference import Tagger
    tagger = Tagger.load(args.bundle, args.backend, precision=args.precision, device='cpu')
    loaded = time.perf_counter() - start
    def blocks():
        for i, _ in enumerate(tag_photos(tagger, files), 1):
            if i % BLOCK == 0 or i == len(files): yield (i - 1) % BLOCK + 1
    measured = rate_after_first(blocks())
    print(json.dumps(measured | dict(load=loaded)))


def plain_in_process(args, threads):
    env = os.environ | dict(FASHION_TAGGER_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
    command = [sys.executable, *sys.argv, '--plain']
    out = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    return json.loads(out.splitlines()[-1])


def photo_files(args): return [str(f) for f in sorted(Path(args.photos).glob('*.jpg'))[:args.limit]]


def dataset(ray, files):
    import pyarrow as pa
    return ray.data.from_arrow([pa.table(dict(photo=files[i:i + BLOCK])) for i in range(0, len(files), BLOCK)])


def row_counts(ds): return (len(table) for table in ds.iter_batches(batch_size=None, batch_format='pyarrow'))


def on_ray(ray, args, files, workers, num_cpus):
    from fashion_tagger.cluster import tag_dataset
    tags = tag_dataset(dataset(ray, files), args.bundle, workers=workers, num_cpus=num_cpus, backend=args.backend,
                       precision=args.precision, bs=BLOCK)
    return rate_after_first(row_counts(tags))


def steps(ray, args, files):
    "What the parts cost by themselves"
    import pyarrow as pa
    from fashion_tagger.bulk import tag_photos
    from fashion_tagger.cluster import _answer_table
    from fashion_tagger.inference import Tagger
    tagger = Tagger.load(args.bundle, args.backend, precision=args.precision, device='cpu')
    one = files[:1000]
    start = time.perf_counter()
    with ThreadPoolExecutor(1) as pool: list(pool.map(tagger.pixels, one))
    decoding = len(one)/(time.perf_counter() - start)
    pool = ray.data.ActorPoolStrategy(size=1)
    idle = rate_after_first(row_counts(dataset(ray, files*10).map_batches(
        Idle, batch_format='pyarrow', batch_size=BLOCK, compute=pool)))
    rows = list(tag_photos(tagger, files[:BLOCK]))
    table = _answer_table(rows, tagger.schema, {})
    start = time.perf_counter()
    for _ in range(100): ray.get(ray.put(table))
    store = 100*len(table)/(time.perf_counter() - start)
    return {
        'decoding alone, one thread, photos/s': decoding,
        'Ray with one idle worker, photos/s': idle['photos_per_second'],
        'rows through the object store, rows/s': store,
        'bytes of a row': table.nbytes/len(table),
        'bytes of a path': pa.table(dict(photo=files)).nbytes/len(files),
    }


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('bundle')
    parser.add_argument('photos')
    parser.add_argument('--limit', type=int, default=8000)
    parser.add_argument('--backend', default='onnx')
    parser.add_argument('--precision')
    parser.add_argument('--repeats', type=int, default=1)
    parser.add_argument('--json')
    parser.add_argument('--plain', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_args()


def show(name, measured):
    print(f"{name:44} {measured['photos_per_second']:8,.0f} photos/s, first rows after "
          f"{measured['first_rows_after']:.1f} s", flush=True)


def median(run, repeats):
    runs = [run() for _ in range(repeats)]
    return {key: statistics.median(r[key] for r in runs) for key in runs[0]}


def main():
    args = arguments()
    if args.plain: return plain(args)
    files = photo_files(args)
    if len(files) < 2*BLOCK: sys.exit(f"{args.photos}: {len(files)} photos; at least {2*BLOCK} are needed")
    print(f"{processor()}, {len(files):,} photos, {args.backend}", flush=True)
    for f in files: Path(f).read_bytes()
    found = {}
    for threads in (1, 2):
        found[name := f'plain tag, {threads} thread(s)'] = median(lambda: plain_in_process(args, threads), args.repeats)
        show(name, found[name])
    start = time.perf_counter()
    import logging, ray, ray.data
    with tempfile.TemporaryDirectory(prefix='ray') as sockets:
        ray.init('local', num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level='ERROR',
                 _temp_dir=os.environ.get('RAY_TMPDIR') or sockets)
        logging.getLogger('ray.data').setLevel(logging.CRITICAL)
        ray.data.DataContext.get_current().enable_progress_bars = False
        found['start of Ray, s'] = time.perf_counter() - start
        print(f"{'start of Ray':44} {found['start of Ray, s']:8.1f} s", flush=True)
        for workers, cpus in ((1, 1), (2, 1), (1, 2)):
            name = f'{workers} worker(s) on Ray with {cpus} processor(s)'
            found[name] = median(lambda: on_ray(ray, args, files, workers, cpus), args.repeats)
            show(name, found[name])
        found |= steps(ray, args, files)
        ray.shutdown()
    found['bundle loaded in a fresh process, s'] = found['plain tag, 1 thread(s)']['load']
    for name, value in found.items():
        if not isinstance(value, dict) and not name.startswith('start'): print(f'{name:44} {value:8,.1f}')
    if args.json: Path(args.json).write_text(json.dumps(found, indent=1))


if __name__ == '__main__': main()
