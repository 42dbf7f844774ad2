"The docs site: links, anchors, documented names, and every page in a real browser"
import ast, importlib, inspect, json, posixpath, re, threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

root = Path(__file__).resolve().parents[1]
LIMIT = 1_500_000  # bytes of a page
PAGES = {"index.html", "schema.html", "learner.html", "tutorials/planet.html", "command.html", "compare.html",
         "glossary.html", "licences.html", "changelog.html"}
SEARCH_RESULT = """[...document.querySelectorAll('a')].some(a => /learner\\.html/.test(a.href) && a.offsetParent
    && a.closest('[class*=search], [class*=aa-], [id*=search], [role=listbox], dialog'))"""


class Page(HTMLParser):
    "The ids and links of a page, the ids that it has twice, and the pictures without alternative text"
    def __init__(self, text):
        super().__init__()
        self.ids, self.twice, self.links, self.without_alt = set(), set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if name := attrs.get("id"): (self.twice if name in self.ids else self.ids).add(name)
        if tag == "a" and attrs.get("href"): self.links.append(attrs["href"])
        if tag in ("img", "script") and attrs.get("src"): self.links.append(attrs["src"])
        if tag == "link" and attrs.get("rel") in ("stylesheet", "icon"): self.links.append(attrs["href"])
        if tag == "img" and not attrs.get("alt"): self.without_alt.append(attrs.get("src", "")[:40])


@pytest.fixture(scope="session")
def pages(site):
    files = site.rglob("*.html")
    return {f.relative_to(site).as_posix(): Page(f.read_text(encoding="utf-8")) for f in files}


def target_of(path, name):
    "The file that a link of the page `name` leads to"
    if path.startswith("/"): return path.lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name


def broken(name, page, pages, site):
    for link in page.links:
        if re.match(r"[a-z]+:", link): continue
        path, _, anchor = link.partition("#")
        target = target_of(unquote(path.partition("?")[0]), name)
        if (site/target).is_dir(): target = posixpath.join(target, "index.html").removeprefix("./")
        if not (site/target).exists(): yield f"{name}: {link}: {target} does not exist"
        elif anchor and target in pages:
            if unquote(anchor) not in pages[target].ids: yield f"{name}: {link}: {target} has no such anchor"


def test_links_and_anchors(pages, site):
    assert len(pages) >= 30
    assert not [line for name, page in pages.items() for line in broken(name, page, pages, site)]


def test_broken_links_are_found(pages, site):
    page = Page('<a href="nowhere.html">a</a><a href="index.html#nowhere">b</a><a href="index.html">c</a>')
    assert len([*broken("new.html", page, pages, site)]) == 2


def test_page_names(pages): assert PAGES <= {*pages}


def test_weight(site):
    heavy = {f.name: f.stat().st_size for f in site.rglob("*.html") if f.stat().st_size > LIMIT}
    assert not heavy


def test_pictures_have_texts(pages):
    assert not {name: page.without_alt for name, page in pages.items() if page.without_alt}


def public_names():
    "Every module with its list of public names"
    for file in sorted((root/"fashion_tagger").glob("*.py")):
        if file.name in ("all.py", "__init__.py", "_modidx.py"): continue
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.Assign) or getattr(node.targets[0], "id", "") != "__all__": continue
            yield file.stem, ast.literal_eval(node.value)


def test_every_public_function_and_class_is_documented(pages):
    missing = []
    for module, names in public_names():
        code = importlib.import_module(f"fashion_tagger.{module}")
        shown = {i.lower() for i in pages[f"{module}.html"].ids}
        for name in names:
            thing = getattr(code, name)
            if not (inspect.isfunction(thing) or inspect.isclass(thing)): continue
            is_dispatched = name in ("show_batch", "show_results")
            if not inspect.getdoc(thing) and not is_dispatched: missing.append(f"{module}.{name}: no docstring")
            if name.lower() not in shown: missing.append(f"{module}.{name}: not on its page")
    assert not missing


@pytest.fixture(scope="session")
def address(site):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args): pass
    server = ThreadingHTTPServer(("localhost", 0), partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()


def watch(tab, errors):
    "Collect a tab's errors on the console, exceptions and failed requests"
    def on_console(message):
        if message.type == "error": errors.append(f"{tab.url}: {message.text}")

    def on_failure(request):
        if request.failure == "net::ERR_ABORTED": return  # the next page was opened
        errors.append(f"{tab.url}: {request.url} could not be loaded")

    tab.on("console", on_console)
    tab.on("pageerror", lambda e: errors.append(f"{tab.url}: {e}"))
    tab.on("requestfailed", on_failure)


@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_in_a_browser(browser, address, pages, width):
    errors, too_wide = [], []
    tab = browser.new_page(viewport=dict(width=width, height=900))
    watch(tab, errors)
    for name in pages:
        tab.goto(f"{address}/{name}", wait_until="load")
        width_of_page = tab.evaluate("document.documentElement.scrollWidth")
        if width_of_page > width: too_wide.append(f"{name}: {width_of_page}")
    tab.close()
    assert not errors
    assert not too_wide


def test_search(browser, address):
    tab = browser.new_page(viewport=dict(width=1280, height=900))
    tab.goto(f"{address}/index.html", wait_until="load")
    tab.keyboard.press("/")
    tab.keyboard.type("tagger_learner", delay=20)
    tab.wait_for_function(SEARCH_RESULT, timeout=10_000)
    tab.close()


def test_dark_mode_and_copy(browser, address):
    tab = browser.new_page(viewport=dict(width=1280, height=900), color_scheme="dark")
    tab.goto(f"{address}/learner.html", wait_until="load")
    assert tab.locator("button.code-copy-button, button[class*=copy]").count() > 5
    tab.close()


def test_search_index(site):
    index = json.loads((site/"search.json").read_text(encoding="utf-8"))
    found = [json.dumps(entry) for entry in index if "tagger_learner" in json.dumps(entry)]
    assert any("learner.html" in entry for entry in found)
