"""Generate the sidebar, the table of notebooks and fashion_tagger/all.py from nbs/contents.yml.

    python .ci/order.py [--check]

--check writes nothing and fails if a file differs from what would be written."""
import argparse, json, re, sys
from pathlib import Path

import yaml

root = Path(__file__).resolve().parents[1]
HEADING = "## What is where"


def contents():
    "Groups of notebooks, each with its title and a list of `file` and `finds`"
    return yaml.safe_load((root/"nbs/contents.yml").read_text(encoding="utf-8"))


def is_library(group): return not group["notebooks"][0]["file"].startswith("tutorials/")


def module_name(file): return re.sub(r"^\d+_", "", Path(file).name)


def with_sidebar(text):
    "_quarto.yml with the groups between its two marker comments"
    lines = []
    for group in contents():
        title = f"Library: {group['title'].lower()}" if is_library(group) else group["title"]
        lines += [f'      - section: "{title}"', "        contents:"]
        lines += [f"          - {nb['file']}.ipynb" for nb in group["notebooks"]]
    sidebar = "\n".join(lines) + "\n"
    between = re.compile(r"(# made by `make order`\n).*?( *# end of what)", re.S)
    return between.sub(lambda m: m[1] + sidebar + m[2], text)


def table():
    "A Markdown table that leads from what you look for to the notebook that has it"
    rows = ["| | find | in |", "| --- | --- | --- |"]
    for group in filter(is_library, contents()):
        for i, nb in enumerate(group["notebooks"]):
            title = group["title"] if i == 0 else ""
            rows.append(f"| {title} | {nb['finds']} | [{module_name(nb['file'])}]({nb['file']}.ipynb) |")
    return "\n".join(rows)


def with_table(text):
    "The index notebook, with the table below its heading"
    nb = json.loads(text)
    for cell in nb["cells"]:
        source = "".join(cell["source"])
        if not source.startswith(HEADING): continue
        intro = source.split("\n\n| ")[0]
        cell["source"] = f"{intro}\n\n{table()}".splitlines(keepends=True)
        return json.dumps(nb, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    sys.exit(f"nbs/index.ipynb needs a Markdown cell that begins with {HEADING!r}")


def all_modules():
    "fashion_tagger/all.py: an import of every module but the command"
    files = [nb["file"] for group in filter(is_library, contents()) for nb in group["notebooks"]]
    names = [name for name in map(module_name, files) if name != "cli"]
    imports = "\n".join(f"from .{name} import *" for name in names)
    return f'"Every public name: `from fashion_tagger.all import *`"\n{imports}\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is out of date")
    check, stale = parser.parse_args().check, []
    makers = {
        "_quarto.yml": with_sidebar,
        "nbs/index.ipynb": with_table,
        "fashion_tagger/all.py": lambda _: all_modules(),
    }
    for name, make in makers.items():
        path = root/name
        old = path.read_text(encoding="utf-8")
        new = make(old)
        if new == old: continue
        stale.append(name)
        if not check: path.write_text(new, encoding="utf-8")
    if check and stale: sys.exit(f"out of date with nbs/contents.yml: {', '.join(stale)}; run 'make order'")


if __name__ == "__main__": main()
