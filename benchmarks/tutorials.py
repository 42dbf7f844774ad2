"""The table of published recipes, fastai by hand and ours: runs the tutorials on real data and reads their own figures.

    FASHION_TAGGER_DATA=DIR python benchmarks/tutorials.py [TUTORIAL...] [--json FILE]

DIR holds clothing_photos, fashion_products, outfits, wardrobe, planet, apascal and colour_and_type. Each tutorial runs
in its own process, one after the other, cell by cell, and finds no photos that an earlier one decoded. Then the tables
that the tutorial itself prints follow, in Markdown. Run it on an otherwise idle machine."""
import argparse, json, os, subprocess, sys, tempfile, time
from pathlib import Path
from typing import NamedTuple

from machine import processor

NOTEBOOKS = Path(__file__).resolve().parents[1]/'nbs'/'tutorials'


class Row(NamedTuple):
    "A line of the table; what is in quotes is evaluated among the tutorial's own variables"
    data: str
    metric: str
    published: str
    by_hand: str
    ours: str
    seconds_by_hand: str
    seconds_ours: str


ROWS = {
    '01_deepfashion': [
        Row('type of phone photos, 10 types', 'accuracy', '', "both.accuracy['fastai']", "both.accuracy['ours']",
            "seconds['fastai']", "seconds['ours']"),
        Row('the wardrobe, type of 42 photos', 'accuracy', '0.624, of 46 categories',
            "measured.type['fastai by hand', 'cloth to white']", "measured.type['and flat ones', 'cloth to white']",
            "seconds['fastai']", 'wardrobe_seconds/2')],
    '02_fashion_products': [
        Row(f'Fashion Product Images, {a}', 'accuracy', '', f"result.{a}['vision_learner']",
            f"result.{a}['tagger_learner']", "result.seconds['vision_learner']", "result.seconds['tagger_learner']")
        for a in ('gender', 'articleType', 'baseColour')],
    '03_planet': [
        Row('Planet, 185 photos', 'F2', '0.884, on all of Planet',
            "max(f2['fastai, at 0.2'], f2['fastai, best threshold'])", "f2['ours, best threshold']",
            "seconds['fastai']", "seconds['ours']")],
    '04_attributes': [
        Row('aPascal, 64 attributes', 'mean average precision', '', "compared['map']['pos_weight, by hand']",
            "compared['map']['pos_weight']", "seconds['pos_weight, by hand']", "seconds['pos_weight']")],
    '05_colour_and_type': [
        Row('colour and type', 'words right', '0.984', "sides['vision_learner']['elementwise']",
            "sides['tagger_learner']['elementwise']", "seconds['vision_learner']", "seconds['tagger_learner']"),
        Row('colour and type', 'photos with both right', '', "sides['vision_learner']['exact']",
            "sides['tagger_learner']['exact']", "seconds['vision_learner']", "seconds['tagger_learner']")]}

TABLES = {
    '01_deepfashion': ['both', 'measured'],
    '02_fashion_products': ['result', 'sums', 'missing'],
    '03_planet': ['pd.DataFrame(results).T', 'gain'],
    '04_attributes': ['compared'],
    '05_colour_and_type': ['pd.DataFrame(sides).T', 'held_out']}


def code_cells(notebook):
    "The source of the code cells that run"
    for cell in json.loads(notebook.read_text())['cells']:
        source = ''.join(cell['source'])
        if cell['cell_type'] == 'code' and 'eval: false' not in source: yield source


def markdown(table):
    "A DataFrame as a table of a page"
    table = table.round(3).astype(object).fillna('').reset_index()
    lines = [table.columns, ['---']*len(table.columns), *table.to_numpy()]
    return '\n'.join('| ' + ' | '.join(map(str, line)) + ' |' for line in lines)


def run_one(name):
    "Run a tutorial in this process; the last line printed is its rows, as JSON"
    import matplotlib
    from execnb.shell import CaptureShell
    matplotlib.use('Agg')
    os.chdir(NOTEBOOKS)
    shell, start = CaptureShell(NOTEBOOKS), time.perf_counter()
    for source in code_cells(NOTEBOOKS/f'{name}.ipynb'):
        shell.run(source)
        if shell.exc: sys.exit(f'{name}: {shell.exc}\n{source}')
    took, ns = time.perf_counter() - start, shell.user_ns

    def value(expression): return round(float(eval(expression, ns)), 4)

    for table in TABLES[name]: print(f'\n{name}: {table}\n\n{markdown(eval(table, ns))}', flush=True)
    rows = [row._replace(**{k: value(getattr(row, k)) for k in Row._fields[3:]})._asdict() for row in ROWS[name]]
    print(json.dumps(dict(name=name, seconds=round(took), rows=rows)), flush=True)


def run(name):
    "Run a tutorial in its own process; print its tables and return its rows"
    with tempfile.TemporaryDirectory() as cache:
        # the notebooks import fastai first, so PyTorch's threads would spin: see company.py
        env = dict(OMP_WAIT_POLICY='PASSIVE') | os.environ | dict(FASHION_TAGGER_CACHE=cache)
        command = [sys.executable, __file__, name, '--one']
        r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    if r.returncode: raise SystemExit(f'{r.stderr[-2000:]}\n{name} ended with status {r.returncode}')
    *tables, last = r.stdout.splitlines()
    print('\n'.join(line for line in tables if line.startswith(('|', name)) or not line), flush=True)
    return json.loads(last)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('tutorials', nargs='*', help=', '.join(ROWS))
    parser.add_argument('--json')
    parser.add_argument('--one', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not os.environ.get('FASHION_TAGGER_DATA'): sys.exit('FASHION_TAGGER_DATA is not set')
    os.environ['FASHION_TAGGER_DATA'] = os.path.abspath(os.environ['FASHION_TAGGER_DATA'])
    names = args.tutorials or [*ROWS]
    unknown = [name for name in names if name not in ROWS]
    if unknown: sys.exit(f"there is no tutorial {', '.join(unknown)}; there are {', '.join(ROWS)}")
    if args.one: return run_one(names[0])
    print(processor(), flush=True)
    found = [run(name) for name in names]
    print('\n| data | metric | published | fastai by hand | ours | seconds by hand / ours |\n' + '| --- '*6 + '|')
    for tutorial in found:
        for row in tutorial['rows']:
            seconds = f"{row['seconds_by_hand']:.0f} / {row['seconds_ours']:.0f}"
            cells = row['data'], row['metric'], row['published'], f"{row['by_hand']:.3f}", f"{row['ours']:.3f}", seconds
            print('| ' + ' | '.join(cells) + ' |')
    print('\nseconds of the whole tutorial:', {t['name']: t['seconds'] for t in found})
    if args.json: Path(args.json).write_text(json.dumps(found, indent=1) + '\n')


if __name__ == '__main__': main()
