"The page of a wardrobe in a browser: filters, keys, corrections, names that hold anything, widths, dark, print"
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("bs4")
from bs4 import BeautifulSoup

from fashion_tagger.label_errors import apply_decisions, read_decisions
from fashion_tagger.pages import write_page
from fashion_tagger.samples import sample_wardrobe
from fashion_tagger.wardrobe_page import render_wardrobe

EVIL = ["<img src=x onerror='hit=1'>", "</script><script>hit=1</script>", "\"><svg onload=hit=1>", "{{ 7*7 }}",
        "__proto__", "' onmouseover='hit=1", "<!--<script>"]
VIEWS = "items", "outfits", "gaps", "graph", "item-3"


def as_item(row):
    answers = {n: dict(value=row[n], p=0.9) for n in ("type", "colour")}
    answers["tags"] = dict(value=list(row["tags"]), p=[0.8]*len(row["tags"]))
    colours = [dict(hex="#b01722", share=0.7, name=f"deep {row['colour']}")]
    return dict(name=Path(row["image"]).name, photo=row["image"], answers=answers, colours=colours, error=None)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    home = tmp_path_factory.mktemp("wardrobe")
    return sample_wardrobe(home/"photos", n=30, seed=2, size=(128, 96)).truth.reset_index(drop=True)


@pytest.fixture(scope="module")
def wardrobe(table):
    targets = [dict(name=n, kind="attribute", values=sorted(table[n].unique())) for n in ("type", "colour")]
    tags = sorted({tag for tags in table["tags"] for tag in tags} | {"silk"})
    return dict(
        attributes=[*targets, dict(name="tags", kind="tags", values=tags)],
        items=[as_item(row) for _, row in table.iterrows()],
        alike=[dict(a=i, b=i + 1, similarity=0.5 + i/60, closer_than=0.9996) for i in range(0, 28, 2)],
        groups=[dict(items=[4, 20], why="two that look alike")],
        goes_with=[dict(a=i, b=i + 7, score=0.9 - i/60, why=f"worn together {i} times") for i in range(20)],
        outfits=[dict(items=[0, 7, 3], score=0.9, why="an outfit of three")],
        gaps=[dict(items=[29], why="nothing here goes with it"), dict(items=[1, 2], why="nothing goes with these two")])


@pytest.fixture(scope="module")
def address(wardrobe, tmp_path_factory):
    file = tmp_path_factory.mktemp("page")/"wardrobe.html"
    write_page(render_wardrobe(wardrobe), file)
    return file.as_uri()


@pytest.fixture
def opened(browser):
    "A function that opens a page in a tab of its own; its errors and requests are checked at the end"
    contexts, errors, requests = [], [], []

    def open_tab(address, width=1280, before="", **options):
        contexts.append(browser.new_context(viewport=dict(width=width, height=844), **options))
        tab = contexts[-1].new_page()
        tab.add_init_script(before)
        tab.on("pageerror", lambda e: errors.append(str(e)))
        tab.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        tab.on("request", lambda r: requests.append(r.url))
        tab.goto(address)
        return tab

    yield open_tab
    for context in contexts: context.close()
    assert not errors
    assert not [url for url in requests if not url.startswith(("file:", "data:", "blob:"))]
    assert len({url for url in requests if url.startswith("file:")}) <= 1


def shown(tab):
    "The numbers of the tiles that one sees, in order"
    return tab.evaluate("[...document.querySelectorAll('.tile')].filter(t => t.offsetParent).map(t => +t.dataset.i)")


def focused(tab): return tab.evaluate("+document.activeElement.closest('[data-i]')?.dataset.i")


def test_filters(opened, address, table):
    tab = opened(address)
    assert shown(tab)[:2] == [4, 20] and sorted(shown(tab)) == [*range(30)]
    kinds = table["type"].value_counts()
    for kind in kinds.index[:2]: tab.locator(".chip", has_text=f"{kind}{kinds[kind]}").first.click()
    either = table.index[table["type"].isin(kinds.index[:2])]
    assert sorted(shown(tab)) == [*either]  # the values of one attribute widen
    assert tab.inner_text("#found") == f"{len(either)} of 30 items"
    colour = table.loc[either, "colour"].iloc[0]
    both = table.index[table["type"].isin(kinds.index[:2]) & (table["colour"] == colour)]
    tab.locator("fieldset", has=tab.get_by_text("colour", exact=True)).get_by_text(colour, exact=True).first.click()
    assert sorted(shown(tab)) == [*both]  # another attribute narrows
    tab.click("#clear")
    assert len(shown(tab)) == 30


def test_outfits_are_filtered(opened, address, wardrobe, table):
    "An outfit or a gap stays where one of its items matches"
    tab = opened(address + "#outfits")
    assert tab.inner_text("#found") == "1 outfit" and tab.locator("#view-outfits .sets > li").count() == 1
    tab.keyboard.press("/")
    tab.keyboard.type(wardrobe["items"][7]["name"])  # one of the three
    assert tab.locator("#view-outfits .sets > li").count() == 1 and tab.inner_text("#found") == "1 outfit"
    tab.fill("#search", wardrobe["items"][29]["name"])
    assert tab.locator("#view-outfits .sets > li").count() == 0 and tab.is_visible("#nothing")
    assert tab.inner_text("#found") == "0 of 1 outfit"
    tab.get_by_role("link", name="Gaps").click()
    assert tab.inner_text("#found") == "1 of 2 gaps" and tab.is_visible("text=nothing here goes with it")
    tab.click("#clear")
    assert tab.inner_text("#found") == "2 gaps" and tab.locator("#view-gaps .sets > li").count() == 2
    kind = table["type"][29]
    chip = tab.locator("fieldset", has=tab.get_by_text("type", exact=True)).get_by_role("button", name=kind)
    gaps = [gap for gap in wardrobe["gaps"] if any(table["type"][i] == kind for i in gap["items"])]
    assert chip.first.inner_text().split("\n") == [kind, str(len(gaps))]  # counts gaps, not items
    chip.first.click()
    assert tab.locator("#view-gaps .sets > li").count() == len(gaps)
    tab.get_by_role("link", name="Items").click()
    assert sorted(shown(tab)) == [*table.index[table["type"] == kind]]  # filters go along


def test_search(opened, address, table):
    tab = opened(address)
    tab.keyboard.press("/")
    tab.keyboard.type(f"DEEP {table['colour'][5]} {table['type'][5]}")
    alike = (table["colour"] == table["colour"][5]) & (table["type"] == table["type"][5])
    assert sorted(shown(tab)) == [*table.index[alike]]
    tab.fill("#search", Path(table["image"][9]).name)
    assert shown(tab) == [9]
    tab.fill("#search", "no such thing")
    assert shown(tab) == [] and tab.is_visible("#nothing")
    tab.press("#search", "Escape")
    assert len(shown(tab)) == 30


def test_keys(opened, address):
    tab = opened(address)
    tab.locator(".tile a").first.focus()
    assert tab.locator(".tile a[tabindex='0']").count() == 1
    tab.keyboard.press("ArrowRight")
    assert focused(tab) == 20
    tab.keyboard.press("ArrowDown")
    below = focused(tab)
    assert below not in (4, 20)
    tab.keyboard.press("Enter")
    assert tab.is_visible("dialog") and tab.evaluate("location.hash") == f"#item-{below}"
    tab.keyboard.press("ArrowRight")
    after = int(tab.evaluate("location.hash").removeprefix("#item-"))
    assert after != below
    tab.keyboard.press("Escape")
    tab.wait_for_function("!document.querySelector('dialog').open")
    assert focused(tab) == after and tab.evaluate("location.hash") == ""


def test_addresses(opened, address):
    tab = opened(address + "#item-0")
    name = tab.inner_text("#h-item")
    assert tab.is_visible("dialog")
    tab.locator("dialog .strip a").first.click()
    assert re.fullmatch(r"#item-\d+", tab.evaluate("location.hash")) and tab.inner_text("dialog figcaption") != name
    tab.go_back()
    assert tab.evaluate("location.hash") == "#item-0" and tab.inner_text("#h-item") == name
    tab.keyboard.press("Escape")
    tab.wait_for_function("!document.querySelector('dialog').open && location.hash === '#items'")
    tab.get_by_role("link", name="Outfits").click()
    assert tab.is_visible("text=an outfit of three") and not tab.is_visible(".tiles")
    tab.go_back()
    assert tab.is_visible(".tiles >> nth=0")


def test_item(opened, address):
    tab = opened(address + "#item-7")
    headings = tab.locator("dialog h3").all_inner_texts()
    assert headings == ["What is like it", "What goes with it", "Outfits with it"]
    assert tab.is_visible("text=99.9%") and tab.is_visible("text=worn together 0 times")
    assert tab.locator("dialog .sets li img").count() == 3
    tab.goto(address + "#item-2")
    assert "nothing goes with these two" in tab.inner_text("dialog")


def test_corrections(opened, address, table, tmp_path):
    tab = opened(address + "#item-3")
    was, tag = table["type"][3], table["tags"][3][0]
    other = next(kind for kind in table["type"] if kind != was)
    tab.select_option("#answer-0", other)
    assert f"was {was}" in tab.inner_text("#about")
    tab.select_option("#answer-1", "")
    tab.get_by_label(tag, exact=False).first.uncheck()
    tab.locator("summary", has_text="other tags").click()
    tab.get_by_label("silk").check()
    tab.reload()  # they are kept
    assert tab.inner_text("#decided") == "4 corrections" and tab.inner_text("#tile-3 [data-t='0']") == other
    with tab.expect_download() as download: tab.click("#save")
    download.value.save_as(tmp_path/"decisions.csv")
    decisions = read_decisions(tmp_path/"decisions.csv")
    assert sorted(decisions["decision"]) == ["drop", "relabel", "relabel", "relabel"]
    decided = apply_decisions(table, decisions)
    assert sum(decided.attrs["decisions_applied"].values()) == 4
    assert decided["type"][3] == other and decided["colour"][3] is None
    assert tag not in decided["tags"][3] and "silk" not in table["tags"][3] and "silk" in decided["tags"][3]
    tab.get_by_role("button", name="undo").first.click()
    assert tab.inner_text("#decided") == "3 corrections" and tab.inner_text("#tile-3 [data-t='0']") == was


def test_words_are_typed_where_there_are_many(opened, wardrobe, tmp_path):
    kinds = [*wardrobe["attributes"][0]["values"], *(f"kind {k}" for k in range(40))]
    many = wardrobe | dict(attributes=[wardrobe["attributes"][0] | dict(values=kinds), *wardrobe["attributes"][1:]])
    write_page(render_wardrobe(many), tmp_path/"page.html")
    tab = opened((tmp_path/"page.html").as_uri() + "#item-3")
    was = tab.input_value("#answer-0")
    tab.focus("#answer-0")
    tab.keyboard.type("kind")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.getElementById('answer-0').validationMessage").startswith("Which one? kind 0, kind 1")
    tab.keyboard.type(" 23")
    tab.keyboard.press("Enter")
    assert tab.input_value("#answer-0") == "kind 23" and f"was {was}" in tab.inner_text("#about")
    assert tab.inner_text("#tile-3 [data-t='0']") == "kind 23"
    tab.get_by_role("button", name="none of these").click()
    assert tab.input_value("#answer-0") == "" and tab.inner_text("#decided") == "1 correction"
    tab.fill("#answer-0", "dr xyz")
    tab.keyboard.press("Tab")
    assert "begins so" in tab.evaluate("document.getElementById('answer-0').validationMessage")


def test_a_photo_left_out(opened, address, table, tmp_path):
    tab = opened(address + "#item-3")
    tab.select_option("#answer-1", "")
    tab.get_by_role("button", name="Leave this photo out").click()
    assert "left out" in tab.inner_text("#about") and tab.inner_text("#decided") == "1 correction"
    with tab.expect_download() as download: tab.click("#save")
    download.value.save_as(tmp_path/"decisions.csv")
    decided = apply_decisions(table, read_decisions(tmp_path/"decisions.csv"))
    assert [*table.index.difference(decided.index)] == [3]
    tab.locator("figure").get_by_role("button", name="undo").click()
    assert "left out" not in tab.inner_text("#about") and tab.inner_text("#decided") == "1 correction"  # the colour


def test_without_storage(opened, address):
    "A browser that refuses to store: corrections last as long as the page"
    tab = opened(address + "#item-3", before="Object.defineProperty(window, 'localStorage', {get() { throw Error() }})")
    tab.select_option("#answer-0", "")
    assert tab.inner_text("#decided") == "1 correction"


def test_graph(opened, address):
    tab = opened(address + "#graph")
    assert tab.locator("#map img").count() == 30 and tab.locator("#map line").count() > 20
    tab.locator("#map a").nth(3).focus()
    tab.keyboard.press("ArrowRight")
    assert focused(tab) != 3
    tab.locator("#map a").nth(3).focus()
    assert tab.locator("#map a.near").count() == 1 + tab.locator("line.near").count() > 1
    tab.uncheck("[data-kind=goes]")
    assert not tab.locator("#map line.goes").first.is_visible() and tab.locator("#map line.alike").first.is_visible()
    width = tab.evaluate("map.offsetWidth")
    tab.get_by_role("button", name="Zoom in").click()
    assert tab.evaluate("map.offsetWidth") > width


def test_a_graph_of_many(opened, wardrobe, tmp_path):
    "A part that can be read, and its items are those of the tiles"
    items = [wardrobe["items"][i % 30] | dict(photo="none.jpg") for i in range(320)]
    links = [dict(a=i, b=i + 1, similarity=i/400, closer_than=0.9) for i in range(0, 320, 2)]
    many = wardrobe | dict(items=items, goes_with=[], outfits=[], gaps=[], groups=[], alike=links)
    write_page(render_wardrobe(many), tmp_path/"page.html")
    tab = opened((tmp_path/"page.html").as_uri() + "#graph")
    assert tab.locator("#map a").count() == 300 and tab.is_visible("text=300 of 320 items")
    numbers = tab.evaluate("[...document.querySelectorAll('#map a')].map(a => +a.dataset.i)")
    assert numbers == [*range(20, 320)]
    tab.locator("#map a").first.focus()
    assert tab.locator("#map a.near").count() == 2
    tab.keyboard.press("Enter")
    assert tab.evaluate("location.hash") == "#item-20"
    tab.keyboard.press("Escape")
    tab.wait_for_function("!document.querySelector('dialog').open")
    assert focused(tab) == 20


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_widths_and_schemes(opened, address, width, scheme):
    tab = opened(address, width, color_scheme=scheme)
    for view in VIEWS:
        tab.goto(f"{address}#{view}")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, view
        assert tab.evaluate("document.querySelector('dialog').scrollWidth") <= width, view
    light = tab.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(x => x > 200)")
    assert light == (scheme == "light")


def test_print(opened, address):
    tab = opened(address)
    tab.emulate_media(media="print")
    assert not tab.is_visible(".filters") and not tab.is_visible("nav")
    assert len(shown(tab)) == 30 and tab.is_visible("#tile-5 .tags")


def test_names_that_hold_anything(opened, wardrobe, tmp_path):
    "Names, values and reasons come from a user; nothing of them becomes part of the page's own code"
    photo, edge = wardrobe["items"][0]["photo"], dict(a=0, b=2, why=EVIL[0])
    items = []
    for i, evil in enumerate(EVIL):
        colours = [dict(hex=evil, share=1, name=evil), dict(hex="#112233", share=1, name=evil)]
        answers = {evil: dict(value=evil, p=0.5), "tags": dict(value=[evil], p=[0.4])}
        items.append(dict(name=f"{i} {evil}", photo=evil if i % 2 else photo, answers=answers, colours=colours,
                          error=evil if i % 2 else None))
    strange = dict(
        attributes=[dict(name=evil, kind="attribute", values=EVIL) for evil in EVIL]
                   + [dict(name="tags", kind="tags", values=EVIL)],
        items=items, alike=[edge | dict(similarity=0.5, closer_than=0.9)], goes_with=[edge | dict(score=0.5)],
        groups=[dict(items=[0, 2], why=EVIL[0])], gaps=[dict(items=[3], why=EVIL[1])],
        outfits=[dict(items=[*range(len(EVIL))], score=1, why=EVIL[2])])
    page = render_wardrobe(strange, title=EVIL[1])
    assert len(BeautifulSoup(page, "html.parser").find_all("script")) == 3
    write_page(page, tmp_path/"page.html")
    tab = opened((tmp_path/"page.html").as_uri())
    assert tab.inner_text("h1") == EVIL[1] and tab.inner_text(".group h3") == EVIL[0]
    for _ in range(3): tab.locator(".chip:enabled:visible").first.click()
    for i in range(len(EVIL)):
        tab.goto((tmp_path/"page.html").as_uri() + f"#item-{i}")
        assert EVIL[i] in tab.inner_text("#h-item")
    for view in VIEWS: tab.goto((tmp_path/"page.html").as_uri() + f"#{view}")
    assert tab.evaluate("typeof hit") == "undefined"


def test_headings_and_texts(wardrobe):
    soup = BeautifulSoup(render_wardrobe(wardrobe), "html.parser")
    levels = [int(h.name[1]) for h in soup.select("h1, h2, h3")]
    assert levels[0] == 1 and levels.count(1) == 1 and max(np.diff(levels)) <= 1
    assert all(img["alt"] for img in soup.find_all("img")) and not soup.select("[src^=http], [href^=http]")
    ids = [e["id"] for e in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))


def test_nothing_to_say(opened, wardrobe, tmp_path):
    "No empty views where there are no edges, and a page even without items"
    nothing = dict(alike=[], groups=[], goes_with=[], outfits=[], gaps=[])
    for items in (wardrobe["items"], []):
        page = render_wardrobe(wardrobe | nothing | dict(items=items))
        soup = BeautifulSoup(page, "html.parser")
        assert [a.get_text() for a in soup.select("nav a")] == ["Items"] and len(soup.select(".view")) == 1
        write_page(page, tmp_path/"page.html")
        opened((tmp_path/"page.html").as_uri())
    assert "There are no items." in page


def test_size(wardrobe, tmp_path):
    "However heavy the photos are"
    rng = np.random.default_rng(0)
    items = []
    for i in range(20):
        Image.fromarray(rng.integers(0, 255, (400, 300, 3), np.uint8)).save(tmp_path/f"{i}.png")
        items.append(wardrobe["items"][i] | dict(photo=str(tmp_path/f"{i}.png")))
    heavy = wardrobe | dict(items=items, alike=[], groups=[], goes_with=[], outfits=[], gaps=[])
    full, small = render_wardrobe(heavy), render_wardrobe(heavy, limit=300_000)
    assert len(small.encode()) < 300_000 < len(full.encode())
    assert full.count("data:image") == small.count("data:image") == 20
