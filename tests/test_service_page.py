"The page of a service in a browser: photos in, answers, corrections out, the token, words that hold anything, widths"
import json, subprocess, sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

for name in ("httptools", "python_multipart", "uvicorn"): pytest.importorskip(name)

from fashion_tagger.label_errors import apply_decisions, read_decisions
from fashion_tagger.sources import read_table

from colour_service import TAGS, colour_tagger

SCRIPT = Path(__file__).with_name("colour_service.py")
TOKEN = "a-long-word-that-nobody-knows"
EVIL = "</script><script>hit=1</script>", "'\"><img src=x onerror=hit=1>", "<b>bold</b>"


def served(token=None, levels=False):
    options = json.dumps(dict(limits=dict(photo_mb=1), token=token, delay=0, levels=levels))
    return subprocess.Popen([sys.executable, SCRIPT, options], stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def address():
    server = served()
    yield f"http://127.0.0.1:{server.stdout.readline().strip()}/"
    server.terminate()
    server.wait(20)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for colour in ("red", "blue", "orange"): Image.new("RGB", (48, 64), colour).save(folder/f"{colour}, <i>.png")
    (folder/"no photo.jpg").write_bytes(b"none")
    return folder


def is_error(message):
    "Chromium calls a refused photo an error, too"
    return message.type == "error" and "status of 4" not in message.text


@pytest.fixture
def opened(browser):
    "A function that opens a page; its errors and requests are checked at the end"
    contexts, errors, requests, hosts = [], [], [], set()

    def open_tab(address, width=1280, **options):
        contexts.append(browser.new_context(viewport=dict(width=width, height=844), **options))
        tab = contexts[-1].new_page()
        tab.on("pageerror", lambda e: errors.append(str(e)))
        tab.on("console", lambda m: errors.append(m.text) if is_error(m) else None)
        tab.on("request", lambda r: requests.append(r.url))
        hosts.add(address.split("#")[0])
        tab.goto(address)
        return tab

    yield open_tab
    for context in contexts: context.close()
    assert not errors
    assert not [url for url in requests if not url.startswith((*hosts, "data:", "blob:"))]


def send(tab, *files):
    tab.set_input_files("#files", [str(f) for f in files])
    tab.wait_for_selector("#status:has-text('Click')")


def target(tab, name, card=0): return tab.locator(".photo-card").nth(card).locator("fieldset", has_text=name)


def test_corrections(opened, address, photos, tmp_path):
    "What is saved is read by `read_decisions`, and fits a table with the answers as labels"
    tab, red = opened(address), "red, <i>.png"
    send(tab, photos/red, photos/"blue, <i>.png")
    given = [colour_tagger().predict(str(photos/name)) for name in (red, "blue, <i>.png")]
    assert tab.locator("input:checked").first.input_value() == given[0]["colour"]["value"] == "red"
    assert tab.locator("#save").is_disabled()
    target(tab, "colour").locator("select").select_option(label="grey")
    assert "was red" in target(tab, "colour").inner_text()
    target(tab, "colour", 1).locator("select").select_option(label="none of these")
    has, lacks = given[0]["tags"]["value"][0], next(t for t in TAGS if t not in given[0]["tags"]["value"])
    target(tab, "tags").locator(f"input[value='{has}']").uncheck()
    target(tab, "tags").locator(f"input[value='{lacks}']").check()
    assert tab.inner_text("#save") == "Save 4 corrections"
    with tab.expect_download() as download: tab.click("#save")
    download.value.save_as(tmp_path/"decisions.csv")
    decisions = read_decisions(tmp_path/"decisions.csv")
    assert sorted(decisions["decision"]) == ["drop", "relabel", "relabel", "relabel"]
    table = pd.DataFrame(dict(
        image=[str(photos/red), str(photos/"blue, <i>.png")], colour=[a["colour"]["value"] for a in given],
        tags=[tuple(a["tags"]["value"]) for a in given]))
    decided = apply_decisions(table, decisions)
    assert sum(decided.attrs["decisions_applied"].values()) == 4
    assert decided["colour"].tolist() == ["grey", None]
    assert has not in decided["tags"][0] and lacks in decided["tags"][0]
    with tab.expect_download() as download: tab.click("#table")
    download.value.save_as(tmp_path/"labels.csv")
    saved = read_table(tmp_path/"labels.csv", photos, ["colour"], ["tags"], tag_sep="|")
    assert [v if isinstance(v, str) else None for v in saved["colour"]] == ["grey", None]
    assert sorted(saved["tags"][0]) == sorted(decided["tags"][0])
    target(tab, "colour").get_by_text("undo").click()
    assert tab.inner_text("#save") == "Save 3 corrections"


def test_keys(opened, address, photos):
    tab = opened(address)
    send(tab, photos/"orange, <i>.png")
    tab.locator("input:checked").first.focus()
    tab.keyboard.press("ArrowDown")
    assert tab.inner_text("#save") == "Save 1 correction" and tab.evaluate("document.activeElement.checked")
    tab.keyboard.press("ArrowUp")
    assert tab.locator("#save").is_disabled()
    target(tab, "tags").locator("input").first.focus()
    tab.keyboard.press("Space")
    assert tab.inner_text("#save") == "Save 1 correction"


def test_new_words(opened, address, photos, tmp_path):
    "A word that the tagger does not know can be given to a photo, and is then offered for the others"
    tab = opened(address)
    send(tab, photos/"red, <i>.png", photos/"blue, <i>.png")
    for card in (0, 1):
        colour = target(tab, "colour", card)
        colour.locator("select").select_option(label="teal" if card else "a new word ...")
        if card: continue
        colour.locator("input[type=text]").fill("teal")
        tab.keyboard.press("Enter")
        assert tab.evaluate("document.activeElement.value") == "teal"
    target(tab, "tags").locator("input[type=text]").fill("DARK BLUE")  # known, in other capitals
    tab.keyboard.press("Enter")
    target(tab, "tags").locator("input[type=text]").fill("washed")
    tab.keyboard.press("Enter")
    assert target(tab, "tags", 1).locator("input[value=washed]").count() == 1
    with tab.expect_download() as download: tab.click("#save")
    download.value.save_as(tmp_path/"decisions.csv")
    decisions = read_decisions(tmp_path/"decisions.csv")
    said = {(d.tag, d.label) for d in decisions.itertuples()}
    assert {("", "teal"), ("washed", "yes")} <= said and ("DARK BLUE", "yes") not in said
    table = pd.DataFrame(dict(image=[str(photos/"red, <i>.png"), str(photos/"blue, <i>.png")], colour=["red", "blue"]))
    table["tags"] = [tuple(colour_tagger().predict(image)["tags"]["value"]) for image in table["image"]]
    decided = apply_decisions(table, decisions)
    assert decided["colour"].tolist() == ["teal", "teal"] and "washed" in decided["tags"][0]


def test_levels(opened, photos, tmp_path):
    "A correction of a value corrects what it lies within"
    server = served(levels=True)
    try:
        tab = opened(f"http://127.0.0.1:{server.stdout.readline().strip()}/")
        send(tab, photos/"red, <i>.png")
        assert "within part" in target(tab, "colour").inner_text()
        target(tab, "colour").locator("select").select_option(label="grey")
        assert tab.inner_text("#save") == "Save 2 corrections"
        assert tab.locator("fieldset:has(legend:text-is('part')) input:checked").input_value() == "other"
        assert tab.evaluate("document.activeElement.value") == "grey"
    finally:
        server.terminate()
        server.wait(20)


def test_errors_and_names(opened, address, photos, tmp_path):
    "A photo that cannot be read or is too large has its line; a second photo of a name gets another"
    (tmp_path/"large.png").write_bytes(bytes(1_200_000))
    tab, red = opened(address), photos/"red, <i>.png"
    send(tab, photos/"no photo.jpg", tmp_path/"large.png", red)
    assert "not a readable image" in tab.inner_text(".cards") and "more than 1 MB" in tab.inner_text(".cards")
    send(tab, red)
    assert "red, <i>-2.png" in tab.locator(".photo-card").first.inner_text()
    for word in EVIL: assert tab.locator(".photo-card >> nth=0 >> option, .word").filter(has_text=word).count()
    assert tab.evaluate("typeof hit") == "undefined" and not tab.locator("figcaption i").count()
    tab.get_by_role("button", name="Remove").first.click()
    assert tab.locator(".photo-card").count() == 3


def test_drop_and_paste(opened, address):
    tab = opened(address)
    for event, holder in (("drop", "dataTransfer"), ("paste", "clipboardData")):
        tab.evaluate("""async ([event, holder]) => {
            const canvas = Object.assign(document.createElement('canvas'), {width: 30, height: 40});
            const blob = await new Promise(done => canvas.toBlob(done)), data = new DataTransfer();
            data.items.add(new File([blob], event + '.png', {type: 'image/png'}));
            const Kind = event === 'paste' ? ClipboardEvent : DragEvent;
            document.body.dispatchEvent(new Kind(event, {[holder]: data, bubbles: true, cancelable: true}));
        }""", [event, holder])
        tab.wait_for_selector(f"figcaption:has-text('{event}.png')")
    tab.wait_for_selector("#status:has-text('2 photos')")
    assert tab.locator("fieldset").count() == 4


def test_token(opened, photos):
    "The page asks for the token, or has it from the address, where it does not stay"
    server = served(TOKEN)
    address = f"http://127.0.0.1:{server.stdout.readline().strip()}/"
    tab = opened(address)
    tab.fill("#token", "wrong")
    tab.keyboard.press("Enter")
    tab.fill("#token", TOKEN)
    tab.keyboard.press("Enter")
    send(tab, photos/"red, <i>.png")
    other = opened(f"{address}#token={TOKEN}")
    send(other, photos/"red, <i>.png")
    assert TOKEN not in other.url and not other.is_visible("#ask")
    server.terminate()
    server.wait(20)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_widths_and_schemes(opened, address, photos, width, scheme):
    tab = opened(address, width, color_scheme=scheme)
    assert tab.locator(".button.camera").is_visible() == (width == 390)
    send(tab, photos/"red, <i>.png", photos/"no photo.jpg")
    for path in ("", "docs"):
        if path: tab.goto(address + path)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, path
        light = tab.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(x => x > 200)")
        assert light == (scheme == "light")
