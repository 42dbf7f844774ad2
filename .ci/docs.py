"""Build the docs site into _docs from nbs: nbdev's processors, then Quarto where it is installed, or else smalldocs.

    python .ci/docs.py [--with quarto|smalldocs] [--serve]

Both read the one _quarto.yml at the top, and give pages the same names. nbdev-docs is not used, because it runs every cell that holds an import, and installs Quarto where it is missing."""
import argparse, importlib, inspect, json, os, re, shutil, subprocess, sys, textwrap, typing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from fastcore.docments import DocmentTbl
from fastcore.nbio import read_nb, write_nb
from nbdev.config import get_config
from nbdev.process import Processor
from nbdev.processors import FilterDefaults, exec_show_docs
from nbdev.showdoc import show_doc

from licences import by_licence

root = Path(__file__).resolve().parents[1]
staged, site = root/"_proc", root/"_docs"


def module_of(nb):
    "Name of the module that a notebook exports, or None"
    return next((c.directives_["default_exp"].strip() for c in nb.cells if c.cell_type == "code" and "default_exp" in c.directives_), None)


def shown(what):
    "What show_doc shows, with the parameters as a table in the place of comments that run out of the page"
    md, table = what._repr_markdown_(), DocmentTbl(what.sym)._repr_markdown_() if what.sig and not is_typed_tuple(what.sym) else ""
    if not table: return md
    given = [("" if p.kind < 2 else "*" if p.kind == 2 else "**" if p.kind == 4 else "") + p.name + ("" if p.default is p.empty else f"={p.default!r}") for p in what.sig.parameters.values() if p.name != "self"]
    brief = textwrap.fill(f"{what.nm}({', '.join(given)})", 88, subsequent_indent="    ", break_long_words=False)
    return re.sub(r"```python\n.*?\n```", lambda _: f"```python\n{brief}\n```", md, count=1, flags=re.S) + "\n\n" + table


def is_typed_tuple(sym): return isinstance(sym, type) and issubclass(sym, tuple)


class ShowFromModule(Processor):
    "`exec_show_docs` without running any cell: what is shown is that of the exported module"
    def begin(self):
        name = module_of(self.nb)
        self.names = dict(vars(importlib.import_module(f"fashion_tagger.{name}")), show_doc=show_doc) if name else None

    def cell(self, cell):
        if self.names is None or cell.cell_type != "code" or not re.search("^show_doc", cell.source, re.M): return
        what = eval("\n".join(line for line in cell.source.splitlines() if not line.startswith("#|")), self.names)
        cell.outputs = [dict(output_type="display_data", metadata={}, data={"text/markdown": shown(what) if what is not None else ""})]


def without_directive(cell):
    "nbdev leaves `#| export` in Markdown cells, where it would be shown"
    if cell.cell_type == "markdown": cell.source = re.sub(r"\A#\|[^\n]*\n", "", cell.source)


class Procs(FilterDefaults):
    def base_procs(self): return [ShowFromModule if p is exec_show_docs else p for p in super().base_procs()] + [without_directive]


def texts(nb):
    "Every Markdown text of a notebook, as (where it lies, key) pairs"
    for cell in nb["cells"]:
        if cell["cell_type"] == "markdown": yield cell, "source"
        for out in cell.get("outputs", []):
            if "text/markdown" in out.get("data", {}): yield out["data"], "text/markdown"


def joined(text): return text if isinstance(text, str) else "".join(text)


def anchors(nb):
    "What can be linked to on a notebook's page: its headings, and the names that show_doc shows"
    found = set()
    for where, key in texts(nb):
        for title in re.findall(r"^#{1,6} (.+)$", joined(where[key]), re.M):
            named = re.search(r"\{#([^}\s]+)", title)
            found.add(named[1] if named else re.sub(r"[^\w\s.-]", "", title).strip().lower().replace(" ", "-"))
    return found


def mended(text, known, url):
    "`text` with nbdev's absolute links made relative, and without anchors that no page has"
    def link(m):
        page, _, anchor = m[1].partition("#")
        return f"](/{page}#{anchor})" if anchor in known.get(page, ()) else f"](/{page})"
    text = re.sub(r"\[\[([^\]]+)\]\([^)]*\)\]\(", r"[\1](", text)  # a symbol inside a link is no link of its own
    return re.sub(rf"\]\({re.escape(url.rstrip('/'))}/([^)\s]*)\)", link, text)


def said(kind):
    "What a value of a type looks like in a shell"
    choices = [a for a in typing.get_args(kind) if a is not type(None)]
    if typing.get_origin(kind) is typing.Literal: return "|".join(map(str, choices))
    if typing.get_origin(kind) is typing.Union: return said(choices[0])
    return {int: "N", float: "N", str: "TEXT", bool: ""}.get(kind, "")


def parameter(name, annotation, default):
    "Whether it is an option, and its row of a table: how it is written, what it means, its default"
    kind, info = annotation.__origin__, annotation.__metadata__[0]
    if not type(info).__name__.startswith("Option"): return False, f"| `{name.upper()}` | {cell(info.help)} | required |"
    words = info.param_decls or [f"--{name.replace('_', '-')}" + (f" / --no-{name.replace('_', '-')}" if kind is bool else "")]
    value = info.metavar or said(kind)
    default = "required" if default is inspect.Parameter.empty else "" if default is None or default is False else f"`{'yes' if default is True else default}`"
    return True, f"| `{' / '.join(words)}{' ' * bool(value)}{cell(value)}` | {cell(info.help)} | {default} |"


def command_reference():
    "A page from the command itself: every subcommand with its arguments and options"
    from fashion_tagger.cli import app
    lines = ["---", "title: Command line", "description: Every command of fashion-tagger, with its options", "---", "",
             "Bad input is one line and exit status 2; an interrupted run ends with 130. This page is made from the command itself.", ""]
    for command in app.registered_commands:
        run = command.callback
        kinds, defaults = typing.get_type_hints(run, include_extras=True), inspect.signature(run).parameters
        rows = [parameter(name, kinds[name], p.default) for name, p in defaults.items()]
        args = [name.upper() + ("..." if typing.get_origin(kinds[name].__origin__) is list else "") for (option, _), name in zip(rows, defaults) if not option]
        lines += [f"## {run.__name__}", "", run.__doc__, "", "```text", " ".join(["fashion-tagger", run.__name__, *args, "[OPTIONS]"]), "```", "", "| | | default |", "| --- | --- | --- |"]
        lines += [row for option, row in sorted(rows, key=lambda r: r[0])] + [""]
    return "\n".join(lines)


def cell(text): return (text or "").replace("|", "\\|").replace("\n", " ")


def changelog():
    text = (root/"CHANGELOG.md").read_text(encoding="utf-8")
    return "---\ntitle: Changelog\ndescription: What a user would notice\n---\n" + text.partition("\n")[2]


def licences():
    "A page from what is installed here"
    lines = ["---", "title: Licences", "description: Of everything that gets installed with fashion_tagger", "---", "",
             "fashion_tagger is under Apache-2.0. This page is made from the packages that were installed where the site was built, with all extras; a test looks for licences that would conflict with it. "
             "CUDA's libraries, which come with PyTorch on Linux, are under NVIDIA's own terms and not needed on a processor. "
             "HEIC photos are read by [pillow-heif](https://pypi.org/project/pillow-heif/) if you install it; it is not among the extras, because its wheels hold libraries under LGPL and GPL.", "",
             "| licence | packages |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {cell(text)} | {', '.join(names)} |" for text, names in by_licence().items())]) + "\n"


def stage():
    "Processed notebooks and the pages that are made from elsewhere, in _proc"
    shutil.rmtree(staged, ignore_errors=True)
    config, notebooks = get_config(root), {}
    for source in sorted(p for p in config.nbs_path.rglob("*") if p.is_file()):
        name = source.relative_to(config.nbs_path)
        if any(part[0] in "_." or part == "models" for part in name.parts): continue
        target = staged/name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix != ".ipynb": shutil.copy2(source, target); continue
        nb = read_nb(source)
        Procs()(nb)
        write_nb(nb, target)
        notebooks[target] = json.loads(target.read_text(encoding="utf-8"))
    pages = {page_name(path, nb): anchors(nb) for path, nb in notebooks.items()}
    for path, nb in notebooks.items():
        for where, key in texts(nb): where[key] = mended(joined(where[key]), pages, config.doc_url)
        path.write_text(json.dumps(nb, ensure_ascii=False), encoding="utf-8")
    (staged/"command.qmd").write_text(command_reference(), encoding="utf-8")
    (staged/"licences.qmd").write_text(licences(), encoding="utf-8")
    (staged/"changelog.qmd").write_text(changelog(), encoding="utf-8")
    shutil.copy2(root/"_quarto.yml", staged/"_quarto.yml")


def page_name(path, nb):
    "Where a staged notebook's page will be, as its `output-file` says"
    asked = re.search(r"^output-file: (\S+)$", joined(nb["cells"][0]["source"]), re.M)
    return path.relative_to(staged).with_name(asked[1] if asked else path.stem + ".html").as_posix()


def by_smalldocs():
    "Render with smalldocs, where a page goes to its `output-file`, as in Quarto"
    try:
        from smalldocs.config import load
        from smalldocs.site import Site
    except ImportError: sys.exit("neither Quarto nor smalldocs is installed; get Quarto from https://quarto.org, or pip install smalldocs (Python 3.11 or newer)")

    class NamedSite(Site):
        def read(self, src):
            page = super().read(src)
            if name := page.meta.get("output-file"): page.out = src.with_name(str(name))
            return page
        def find_page(self, target):
            return super().find_page(target) or next((p for p in self.pages.values() if p.out == target), None)

    made = NamedSite(load(str(staged)))
    count = made.build()
    warnings = [w for w in made.warnings if not str(w).endswith("output-file is not read by smalldocs")]
    if warnings: sys.exit("smalldocs:\n  " + "\n  ".join(map(str, warnings)))
    return count


def by_quarto():
    subprocess.run(["quarto", "render", str(staged), "--no-execute"], check=True)
    return len(list((staged/"_docs").rglob("*.html")))


def build(renderer=None):
    "Stage, render and put the site into _docs"
    stage()
    renderer = renderer or ("quarto" if shutil.which("quarto") else "smalldocs")
    count = dict(quarto=by_quarto, smalldocs=by_smalldocs)[renderer]()
    shutil.rmtree(site, ignore_errors=True)
    shutil.move(staged/"_docs", site)
    print(f"{site.relative_to(root)}: {count} pages, by {renderer}", flush=True)


def serve(port=8000):
    print(f"http://localhost:{port}/ (Ctrl-C ends it)", flush=True)
    try: ThreadingHTTPServer(("localhost", port), partial(SimpleHTTPRequestHandler, directory=site)).serve_forever()
    except KeyboardInterrupt: pass


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--with", dest="renderer", choices=["quarto", "smalldocs"])
    args.add_argument("--serve", action="store_true", help="show the site on http://localhost:8000 afterwards")
    args = args.parse_args()
    os.chdir(root)
    build(args.renderer)
    if args.serve: serve()


if __name__ == "__main__": main()
