"""Build the docs site from nbs into _docs: nbdev processes the notebooks, then Quarto renders them, or smalldocs.

    python .ci/docs.py [--with quarto|smalldocs] [--serve]

Both renderers read the _quarto.yml at the top of the repository and give pages the same names. We do not use
nbdev-docs: it runs every cell that holds an import, and installs Quarto if it is missing."""
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
LICENCES = """---
title: Licences
description: Of everything that gets installed with fashion_tagger
---

fashion_tagger is under Apache-2.0. This page lists the packages that were installed when the site was built, with all \
extras. A test looks for licences that would conflict with ours. CUDA's libraries, which come with PyTorch on Linux, \
are under NVIDIA's own terms and are not needed on a CPU. To read HEIC photos, install \
[pillow-heif](https://pypi.org/project/pillow-heif/); it is not among the extras, because its wheels hold libraries \
under LGPL and GPL.

| licence | packages |
| --- | --- |
"""
COMMANDS = """---
title: Command line
description: Every command of fashion-tagger, with its options
---

If the input is bad, a command prints one line and exits with status 2; if you interrupt it, with 130. This page is \
generated from the command itself.
"""
NO_RENDERER = """neither Quarto nor smalldocs is installed; get Quarto from https://quarto.org, \
or pip install smalldocs (Python 3.11 or newer)"""


def module_of(nb):
    "The module that a notebook exports, or None"
    for c in nb.cells:
        if c.cell_type == "code" and "default_exp" in c.directives_: return c.directives_["default_exp"].strip()


def as_written(parameter):
    "A parameter as it stands in a signature, without its annotation"
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    if parameter.default is parameter.empty: return f"{stars}{parameter.name}"
    default = parameter.default
    if inspect.isfunction(default): return f"{parameter.name}={default.__name__}"  # its repr would be an address
    return f"{parameter.name}={default!r}"


def documentation(renderer):
    "The Markdown of show_doc, with the parameters in a table, where show_doc has comments too wide for the page"
    md = renderer._repr_markdown_()
    if not renderer.sig or is_typed_tuple(renderer.sym): return md
    table = DocmentTbl(renderer.sym)._repr_markdown_()
    if not table: return md
    written = [as_written(p) for p in renderer.sig.parameters.values() if p.name != "self"]
    signature = f"{renderer.nm}({', '.join(written)})"
    signature = textwrap.fill(signature, 88, subsequent_indent="    ", break_long_words=False)
    md = re.sub(r"```python\n.*?\n```", lambda _: f"```python\n{signature}\n```", md, count=1, flags=re.S)
    return f"{md}\n\n{table}"


def is_typed_tuple(sym): return isinstance(sym, type) and issubclass(sym, tuple)


class ShowFromModule(Processor):
    "Like `exec_show_docs`, but it runs no cell: it documents what the exported module holds"
    def begin(self):
        name = module_of(self.nb)
        self.names = None
        if name: self.names = dict(vars(importlib.import_module(f"fashion_tagger.{name}")), show_doc=show_doc)

    def cell(self, cell):
        if self.names is None or cell.cell_type != "code": return
        if not re.search("^show_doc", cell.source, re.M): return
        code = [line for line in cell.source.splitlines() if not line.startswith("#|")]
        renderer = eval("\n".join(code), self.names)
        md = documentation(renderer) if renderer is not None else ""
        cell.outputs = [dict(output_type="display_data", metadata={}, data={"text/markdown": md})]


def without_directive(cell):
    "Drop `#| export` from a Markdown cell, where nbdev leaves it to be shown"
    if cell.cell_type == "markdown": cell.source = re.sub(r"\A#\|[^\n]*\n", "", cell.source)


class Procs(FilterDefaults):
    def base_procs(self):
        procs = [ShowFromModule if p is exec_show_docs else p for p in super().base_procs()]
        return [*procs, without_directive]


def markdown_texts(nb):
    "Every Markdown text of a notebook, as (dict that holds it, key) pairs"
    for cell in nb["cells"]:
        if cell["cell_type"] == "markdown": yield cell, "source"
        for out in cell.get("outputs", []):
            if "text/markdown" in out.get("data", {}): yield out["data"], "text/markdown"


def joined(text): return text if isinstance(text, str) else "".join(text)


def anchors(nb):
    "The anchors of a notebook's page: its headings, and the names that show_doc shows"
    found = set()
    for where, key in markdown_texts(nb):
        for title in re.findall(r"^#{1,6} (.+)$", joined(where[key]), re.M):
            explicit = re.search(r"\{#([^}\s]+)", title)
            plain = re.sub(r"[^\w\s.-]", "", title).strip().lower().replace(" ", "-")
            found.add(explicit[1] if explicit else plain)
    return found


def with_relative_links(text, pages, url):
    "`text` with nbdev's absolute links made relative; anchors that their page does not have are dropped"
    def link(m):
        page, _, anchor = m[1].partition("#")
        return f"](/{page}#{anchor})" if anchor in pages.get(page, ()) else f"](/{page})"
    text = re.sub(r"\[\[([^\]]+)\]\([^)]*\)\]\(", r"[\1](", text)  # nbdev links a symbol inside a link once more
    return re.sub(rf"\]\({re.escape(url.rstrip('/'))}/([^)\s]*)\)", link, text)


def placeholder(kind):
    "What stands for a value of a type after its option, as in `--epochs N`"
    choices = [a for a in typing.get_args(kind) if a is not type(None)]
    if typing.get_origin(kind) is typing.Literal: return "|".join(map(str, choices))
    if typing.get_origin(kind) is typing.Union: return placeholder(choices[0])
    return {int: "N", float: "N", str: "TEXT", bool: ""}.get(kind, "")


class Row(typing.NamedTuple):
    "One parameter of a command: its row in the table, and how it is written in the usage line if it is an argument"
    is_option: bool
    table_row: str
    usage: str = ""


def argument_row(name, info, kind):
    dots = "..." if typing.get_origin(kind) is list else ""
    return Row(False, f"| `{name.upper()}` | {table_cell(info.help)} | required |", f"{name.upper()}{dots}")


def option_row(name, info, kind, default):
    flag = name.replace("_", "-")
    words = info.param_decls or [f"--{flag} / --no-{flag}" if kind is bool else f"--{flag}"]
    value = table_cell(info.metavar or placeholder(kind))
    written = " / ".join(words) + (f" {value}" if value else "")
    if default is inspect.Parameter.empty: default = "required"
    elif default is None or default is False: default = ""
    else: default = f"`{'yes' if default is True else default}`"
    return Row(True, f"| `{written}` | {table_cell(info.help)} | {default} |")


def parameter_row(name, annotation, default):
    kind, info = annotation.__origin__, annotation.__metadata__[0]
    if type(info).__name__.startswith("Option"): return option_row(name, info, kind, default)
    return argument_row(name, info, kind)


def command_section(run):
    "A command with its usage line and a table of its arguments, then its options"
    kinds = typing.get_type_hints(run, include_extras=True)
    parameters = inspect.signature(run).parameters
    rows = [parameter_row(name, kinds[name], p.default) for name, p in parameters.items()]
    usage = ["fashion-tagger", run.__name__, *(r.usage for r in rows if not r.is_option), "[OPTIONS]"]
    table = [r.table_row for r in sorted(rows, key=lambda r: r.is_option)]
    head = [f"## {run.__name__}", "", run.__doc__, "", "```text", " ".join(usage), "```", ""]
    return "\n".join([*head, "| | | default |", "| --- | --- | --- |", *table, ""])


def command_reference():
    "The page that lists every command, made from the command itself"
    from fashion_tagger.cli import app
    return "\n".join([COMMANDS, *(command_section(c.callback) for c in app.registered_commands)])


def table_cell(text): return (text or "").replace("|", "\\|").replace("\n", " ")


def changelog():
    text = (root/"CHANGELOG.md").read_text(encoding="utf-8")
    return "---\ntitle: Changelog\ndescription: What a user would notice\n---\n" + text.partition("\n")[2]


def licences():
    "The page of licences, made from what is installed here"
    rows = [f"| {table_cell(text)} | {', '.join(names)} |" for text, names in by_licence().items()]
    return LICENCES + "\n".join(rows) + "\n"


def is_left_out(name):
    "Whether a path below nbs is no page of the site: hidden, private, or a trained model"
    return any(part[0] in "_." or part == "models" for part in name.parts)


def stage():
    "Put the processed notebooks and the generated pages into _proc"
    shutil.rmtree(staged, ignore_errors=True)
    config, notebooks = get_config(root), {}
    for source in sorted(p for p in config.nbs_path.rglob("*") if p.is_file()):
        name = source.relative_to(config.nbs_path)
        if is_left_out(name): continue
        target = staged/name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix != ".ipynb":
            shutil.copy2(source, target)
            continue
        nb = read_nb(source)
        Procs()(nb)
        write_nb(nb, target)
        notebooks[target] = json.loads(target.read_text(encoding="utf-8"))
    pages = {page_name(path, nb): anchors(nb) for path, nb in notebooks.items()}
    for path, nb in notebooks.items():
        for where, key in markdown_texts(nb):
            where[key] = with_relative_links(joined(where[key]), pages, config.doc_url)
        path.write_text(json.dumps(nb, ensure_ascii=False), encoding="utf-8")
    for name, make in {"command": command_reference, "licences": licences, "changelog": changelog}.items():
        (staged/f"{name}.qmd").write_text(make(), encoding="utf-8")
    shutil.copy2(root/"_quarto.yml", staged/"_quarto.yml")


def page_name(path, nb):
    "The page of a staged notebook, which its `output-file` names"
    asked = re.search(r"^output-file: (\S+)$", joined(nb["cells"][0]["source"]), re.M)
    return path.relative_to(staged).with_name(asked[1] if asked else path.stem + ".html").as_posix()


def by_smalldocs():
    "Render with smalldocs, and let `output-file` name a page, as Quarto does"
    try:
        from smalldocs.config import load
        from smalldocs.site import Site
    except ImportError: sys.exit(NO_RENDERER)

    class NamedSite(Site):
        def read(self, src):
            page = super().read(src)
            if name := page.meta.get("output-file"): page.out = src.with_name(str(name))
            return page

        def find_page(self, target):
            found = super().find_page(target)
            return found or next((p for p in self.pages.values() if p.out == target), None)

    made = NamedSite(load(str(staged)))
    count = made.build()
    warnings = [str(w) for w in made.warnings]
    warnings = [w for w in warnings if not w.endswith("output-file is not read by smalldocs")]
    if warnings: sys.exit("smalldocs:\n  " + "\n  ".join(warnings))
    return count


def by_quarto():
    subprocess.run(["quarto", "render", str(staged), "--no-execute"], check=True)
    return len(list((staged/"_docs").rglob("*.html")))


def build(renderer=None):
    "Stage and render the site, and put it into _docs"
    stage()
    renderer = renderer or ("quarto" if shutil.which("quarto") else "smalldocs")
    count = dict(quarto=by_quarto, smalldocs=by_smalldocs)[renderer]()
    shutil.rmtree(site, ignore_errors=True)
    shutil.move(staged/"_docs", site)
    print(f"{site.relative_to(root)}: {count} pages, by {renderer}", flush=True)


def serve(port=8000):
    print(f"http://localhost:{port}/ (Ctrl-C stops it)", flush=True)
    handler = partial(SimpleHTTPRequestHandler, directory=site)
    try: ThreadingHTTPServer(("localhost", port), handler).serve_forever()
    except KeyboardInterrupt: pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--with", dest="renderer", choices=["quarto", "smalldocs"])
    parser.add_argument("--serve", action="store_true", help="then serve the site on http://localhost:8000")
    args = parser.parse_args()
    os.chdir(root)
    build(args.renderer)
    if args.serve: serve()


if __name__ == "__main__": main()
