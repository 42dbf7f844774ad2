"The docs site: links, anchors, documented names, and every page in a real browser"
import ast, json, posixpath, re, shutil, threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

root = Path(__file__).resolve().parents[1]
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome", "chrome") if (path := shutil.which(name))), None)
LIMIT = 1_500_000  # bytes of a page


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.ids, self.twice, self.links, self.silent = set(), set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if name := attrs.get("id"): (self.twice if name in self.ids else self.ids).add(name)
        if tag == "a" and attrs.get("href"): self.links.append(attrs["href"])
        if tag in ("img", "script") and attrs.get("src"): self.links.append(attrs["src"])
        if tag == "link" and attrs.get("rel") in ("stylesheet", "icon"): self.links.append(attrs["href"])
        if tag == "img" and not attrs.get("alt"): self.silent.append(attrs.get("src", "")[:40])


@pytest.fixture(scope="session")
def pages(site): return {f.relative_to(site).as_posix(): Page(f.read_text(encoding="utf-8")) for f in site.rglob("*.html")}


def broken(name, page, pages, site):
    for link in page.links:
        if re.match(r"[a-z]+:", link): continue
        path, _, anchor = link.partition("#")
        path = unquote(path.partition("?")[0])
        target = path.lstrip("/") if path.startswith("/") else posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
        if (site/target).is_dir(): target = posixpath.join(target, "index.html").removeprefix("./")
        if not (site/target).exists(): yield f"{name}: {link}: there is no {target}"
        elif anchor and target in pages and unquote(anchor) not in pages[target].ids: yield f"{name}: {link}: there is no such place in it"


def test_links_and_anchors(pages, site):
    assert len(pages) >= 30
    assert not [line for name, page in pages.items() for line in broken(name, page, pages, site)]


def test_links_are_looked_at(pages, site):
    page = Page('<a href="nowhere.html">a</a><a href="index.html#nowhere">b</a><a href="index.html">c</a>')
    assert len([*broken("new.html", page, pages, site)]) == 2


def test_page_names(pages):
    assert {"index.html", "schema.html", "learner.html", "tutorials/planet.html", "command.html", "compare.html", "glossary.html", "licences.html", "changelog.html"} <= {*pages}


def test_weight(site):
    heavy = {f.name: f.stat().st_size for f in site.rglob("*.html") if f.stat().st_size > LIMIT}
    assert not heavy


def test_pictures_have_texts(pages):
    assert not {name: page.silent for name, page in pages.items() if page.silent}


def public_names():
    for file in sorted((root/"fashion_tagger").glob("*.py")):
        if file.name in ("all.py", "__init__.py", "_modidx.py"): continue
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__": yield file.stem, ast.literal_eval(node.value)


def test_every_public_function_and_class_is_documented(pages):
    import importlib, inspect
    missing = []
    for module, names in public_names():
        code = importlib.import_module(f"fashion_tagger.{module}")
        shown = {i.lower() for i in pages[f"{module}.html"].ids}
        for name in names:
            thing = getattr(code, name)
            if not (inspect.isfunction(thing) or inspect.isclass(thing)): continue
            if not inspect.getdoc(thing) and name not in ("show_batch", "show_results"): missing.append(f"{module}.{name}: no docstring")
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


@pytest.fixture(scope="session")
def browser():
    if not CHROMIUM: pytest.skip("no Chromium or Chrome on this machine: pages are not opened in a browser")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pages are not opened in a browser")
    with api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_in_a_browser(browser, address, pages, width):
    said, wide = [], []
    tab = browser.new_page(viewport=dict(width=width, height=900))
    tab.on("console", lambda m: said.append(f"{tab.url}: {m.text}") if m.type == "error" else None)
    tab.on("pageerror", lambda e: said.append(f"{tab.url}: {e}"))
    tab.on("requestfailed", lambda r: said.append(f"{tab.url}: {r.url} could not be had") if r.failure != "net::ERR_ABORTED" else None)  # that is the next page
    for name in pages:
        tab.goto(f"{address}/{name}", wait_until="load")
        width_of_page = tab.evaluate("document.documentElement.scrollWidth")
        if width_of_page > width: wide.append(f"{name}: {width_of_page}")
    tab.close()
    assert not said
    assert not wide


def test_search(browser, address):
    tab = browser.new_page(viewport=dict(width=1280, height=900))
    tab.goto(f"{address}/index.html", wait_until="load")
    tab.keyboard.press("/")
    tab.keyboard.type("tagger_learner", delay=20)
    tab.wait_for_function("[...document.querySelectorAll('a')].some(a => /learner\\.html/.test(a.href) && a.offsetParent && a.closest('[class*=search], [class*=aa-], [id*=search], [role=listbox], dialog'))", timeout=10_000)
    tab.close()


def test_dark_mode_and_copy(browser, address):
    tab = browser.new_page(viewport=dict(width=1280, height=900), color_scheme="dark")
    tab.goto(f"{address}/learner.html", wait_until="load")
    assert tab.locator("button.code-copy-button, button[class*=copy]").count() > 5
    tab.close()


def test_search_index(site):
    found = [d for d in json.loads((site/"search.json").read_text(encoding="utf-8")) if "tagger_learner" in json.dumps(d)]
    assert any("learner.html" in json.dumps(d) for d in found)
