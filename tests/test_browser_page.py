"The page of `fashion-tagger export` in a browser: its pixels and answers are ours, ways in, words that hold anything"
import base64, csv, io, json, struct
from contextlib import redirect_stdout

import numpy as np
import PIL
import pytest
from fastcore.xdg import xdg_cache_home
from PIL import Image, ImageCms

for name in ("onnx", "onnxruntime"): pytest.importorskip(name)

from fashion_tagger import browser_page
from fashion_tagger.cache import cache_folder
from fashion_tagger.inference import Tagger
from fashion_tagger.pages import write_page
from fashion_tagger.photos import FIT_FILLS, FIT_METHODS, load_photo, open_photo
from fashion_tagger.recipes import train_bundle
from fashion_tagger.samples import sample_wardrobe

OTHER_ORDER = int(PIL.__version__.split(".")[0]) < 13  # of width and height, which moves pixels by a level at most
EVIL = "</script><script>hit=1</script>", "__proto__"
PIXELS = """async settings => {
  const seen = await pixels(document.getElementById('probe').files[0], {...SETTINGS, ...settings});
  return btoa(String.fromCharCode(...seen));
}"""
PREDICT = """async () => {
  const {answers} = await predict(document.getElementById('probe').files[0]);
  return SETTINGS.targets.map(t => [answers[t.name].value, answers[t.name].likeliest]);
}"""
UNLIKE = "async () => (await predict(document.getElementById('probe').files[0])).unlike"
GIVE = """([event, text]) => {
  const files = new DataTransfer(), bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  files.items.add(new File([bytes], 'given.png', {type: 'image/png'}));
  const given = {dataTransfer: files, clipboardData: files};
  dispatchEvent(event === 'drop' ? new DragEvent(event, given) : new ClipboardEvent(event, given));
}"""


@pytest.fixture(scope="module")
def runtime():
    folders = cache_folder(), xdg_cache_home()/"fashion_tagger"
    kept = next((f/browser_page._ARCHIVE for f in folders if (f/browser_page._ARCHIVE).is_file()), None)
    return kept or pytest.skip("onnxruntime-web is not at hand: `fashion-tagger export` fetches and keeps it")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    "Two of its words hold markup and a name that JavaScript knows; each tag has a threshold of its own, and types one"
    home = tmp_path_factory.mktemp("bundle")
    table = sample_wardrobe(home/"clothes", n=160, size=(64, 48), seed=3).table
    with redirect_stdout(io.StringIO()):
        train_bundle(table[["image", "type", "tags", "split"]], home/"bundle", size=(64, 48), epochs=2, cache=False)
    file = home/"bundle/tagger.json"
    settings = json.loads(file.read_text())
    kinds, tags = (target[kind] for target, kind in zip(settings["schema"]["targets"], ("values", "tags")))
    kinds[0], tags[1] = EVIL
    settings["thresholds"] = dict(type=0.12, tags=np.linspace(0.1, 0.9, len(tags)).tolist())
    file.write_text(json.dumps(settings))
    return home/"bundle"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    "As PNG: drawn, enlarged, grey, long, transparent, framed by one colour, smaller than the network sees"
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    drawn = [open_photo(p) for p in sample_wardrobe(folder/"drawn", n=4, size=(230, 170), seed=5).table["image"]]
    framed = Image.new("RGB", (300, 200), (250, 240, 230))
    framed.paste(drawn[1], (101, 9))
    noise = Image.fromarray(rng.integers(0, 256, (40, 31, 4), dtype=np.uint8))
    opaque = Image.merge("RGBA", (*noise.split()[:3], noise.split()[3].point(lambda a: 255*(a > 127))))
    given = dict(drawn=drawn[0], large=drawn[2].resize((1001, 1403)), grey=drawn[3].convert("L"),
                 long=drawn[1].resize((37, 500)), framed=framed, small=opaque)
    for name, img in given.items(): img.save(folder/f"{name}.png")
    return {name: folder/f"{name}.png" for name in given}


@pytest.fixture(scope="module")
def page(bundle, runtime, tmp_path_factory):
    file = tmp_path_factory.mktemp("page")/"tags.html"
    write_page(browser_page.render_browser_page(bundle, runtime, EVIL[0]), file)
    return file.as_uri()


@pytest.fixture(scope="module")
def tab(browser, page):
    "One tab for all tests; its errors and requests are checked at the end"
    context, errors, requests = browser.new_context(), [], []
    tab = context.new_page()
    tab.on("pageerror", lambda e: errors.append(str(e)))
    tab.on("request", lambda r: requests.append(r.url))
    tab.goto(page)
    tab.wait_for_selector("#progress:empty", state="attached", timeout=120_000)
    tab.evaluate("document.body.append(Object.assign(document.createElement('input'), {type: 'file', id: 'probe'}))")
    yield tab
    context.close()
    assert not errors
    assert {url for url in requests if not url.startswith("blob:")} == {page}


def seen(tab, photo, **settings):
    tab.set_input_files("#probe", photo)
    return np.frombuffer(base64.b64decode(tab.evaluate(PIXELS, settings)), np.uint8).astype(int)


def ours(photo, size=(64, 48), **settings): return np.asarray(load_photo(photo, size, **settings)).ravel()


@pytest.mark.parametrize("method", FIT_METHODS)
def test_pixels(tab, photos, method):
    for fill in FIT_FILLS if method == "pad" else ["white"]:
        for photo in photos.values():
            for size in ([64, 48], [50, 90])[:1 + (fill == "white")]:
                as_here = dict(size=size, method=method, fill=fill)
                apart = abs(seen(tab, photo, **as_here) - ours(photo, **as_here)).max()
                assert apart <= OTHER_ORDER, (photo.name, as_here)


def test_transparent(tab, tmp_path):
    "Half transparent pixels lose a level in the browser's canvas"
    noise = np.random.default_rng(1).integers(0, 256, (64, 48, 4), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path/"a.png")
    assert abs(seen(tab, tmp_path/"a.png") - ours(tmp_path/"a.png")).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_on_their_side(tab, photos, tmp_path, orientation):
    "A large JPEG is decoded at a half, quarter or eighth of its size here, and its pixels averaged there"
    exif = Image.Exif()
    exif[0x0112] = orientation
    side = 200*orientation
    large = Image.open(photos["large"]).convert("RGB").resize((side, side + 64))
    large.save(tmp_path/"a.jpg", quality=92, exif=exif)
    apart = abs(seen(tab, tmp_path/"a.jpg") - ours(tmp_path/"a.jpg"))
    assert apart.max() <= 3 and apart.mean() < 0.5


def wide_profile():
    "An ICC profile with the primaries of Display P3 and gamma 2.2, as photos of phones have one"
    def xyz(*values): return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v*65536) for v in values))
    tags = dict(desc=b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + bytes(79), cprt=b"text\0\0\0\0none\0",
                wtpt=xyz(0.9642, 1, 0.8249), rXYZ=xyz(0.51512, 0.2412, -0.00105), gXYZ=xyz(0.29198, 0.69225, 0.04189),
                bXYZ=xyz(0.1571, 0.06657, 0.78407))
    tags |= {f"{c}TRC": b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2*256)) for c in "rgb"}
    table, data = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += name.encode() + struct.pack(">2I", 128 + 4 + 12*len(tags) + len(data), len(tag))
        data += tag + bytes(-len(tag) % 4)
    size = struct.pack(">I", 128 + len(table) + len(data))
    white = struct.pack(">3i", 63190, 65536, 54061)
    head = size + bytes(4) + bytes([2, 0x40, 0, 0]) + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28) + white
    return head + bytes(128 - len(head)) + table + data


def test_colour_profile(tab, photos, tmp_path):
    "Colours are brought to sRGB, by the browser there and by LittleCMS here"
    plain = Image.open(photos["drawn"]).convert("RGB")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, profile in dict(srgb=srgb, wide=wide_profile()).items():
        file = tmp_path/f"{name}.png"
        plain.save(file, icc_profile=profile)
        assert abs(seen(tab, file) - ours(file)).max() <= 3
    assert abs(ours(file).astype(int) - ours(photos["drawn"])).max() > 8  # the profile is not ignored


def test_answers(tab, bundle, photos):
    tagger = Tagger.load(bundle, "onnx")
    for photo in photos.values():
        tab.set_input_files("#probe", photo)
        for (value, likeliest), answer in zip(tab.evaluate(PREDICT), tagger.predict(photo, top=100).values()):
            assert value == answer["value"]
            p, q = dict(map(tuple, likeliest)), dict(answer["top"])
            assert p.keys() == q.keys() and max(abs(p[word] - q[word]) for word in p) < 1e-4


def test_unlike(tab, bundle, photos, tmp_path):
    "Strange photos are told, by the same number"
    noise = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path/"noise.png")
    scores = []
    for photo in (photos["drawn"], tmp_path/"noise.png"):
        tab.set_input_files("#probe", photo)
        scores.append(tab.evaluate(UNLIKE))
        assert scores[-1] == pytest.approx(Tagger.load(bundle, "onnx").predict(photo)["unlike"]["score"], abs=2e-3)
    assert scores[1] > max(1, scores[0])
    tab.set_input_files("#files", tmp_path/"noise.png")
    tab.wait_for_selector(".photo-card .error:has-text('do not trust its answers')")
    tab.click(".photo-card button")


def test_table(tab, bundle, photos, tmp_path):
    "Several photos at once, one of which is none; the table is that of `tag`"
    (tmp_path/"none, at all.jpg").write_bytes(b"none")
    paths = [photos["drawn"], tmp_path/"none, at all.jpg", photos["long"]]
    tab.set_input_files("#files", paths)
    tab.wait_for_selector("#progress:text-is('3 photos')")
    assert tab.locator(".error", has_text="none, at all.jpg: this browser cannot open it").count() == 1
    with tab.expect_download() as download: tab.click("#save")
    download.value.save_as(tmp_path/"tags.csv")
    with open(tmp_path/"tags.csv", newline="", encoding="utf-8") as f: rows = [*csv.DictReader(f)]
    assert [*rows[0]] == ["image", "type", "type_p", "tags", "tags_p", "unlike", "error"]
    assert [row["image"] for row in rows] == [p.name for p in paths] and rows[1]["error"]
    for row, answer in zip(rows[::2], Tagger.load(bundle, "onnx").predict(paths[::2])):
        assert row["type"] == (answer["type"]["value"] or "")
        assert float(row["type_p"]) == pytest.approx(answer["type"]["p"], abs=2e-4)
        assert row["tags"].split() == answer["tags"]["value"]
    tab.focus(".photo-card button")
    for _ in range(3): tab.keyboard.press("Enter")  # the next photo's button has the focus
    assert tab.locator(".photo-card").count() == 0 and tab.evaluate("document.activeElement.id") == "files"


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_drop_and_paste(tab, photos, event):
    text = base64.b64encode(photos["drawn"].read_bytes()).decode()
    tab.evaluate(GIVE, [event, text])
    tab.wait_for_selector("#progress:text-is('1 photo')")
    assert tab.locator(".photo-card .word").count() >= 5 and "given.png" in tab.inner_text("figcaption")
    tab.click(".photo-card button")


def test_nothing_leaves(tab):
    "The policy stops a script of the page itself, and what a name holds is text"
    for address in "https://example.org/", "http://127.0.0.1:9/":
        assert tab.evaluate("address => fetch(address).then(() => 'sent', () => 'stopped')", address) == "stopped"
    assert tab.inner_text("h1") == EVIL[0] and tab.evaluate("typeof hit") == "undefined"


def test_old_browser(browser, page):
    tab = browser.new_page()
    tab.add_init_script("delete window.DecompressionStream")
    tab.goto(page)
    said = tab.wait_for_selector("[role=alert]").inner_text()
    assert said.startswith("This browser cannot run the tagger (DecompressionStream is not defined). Chrome, Edge,")
    tab.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_widths_and_schemes(tab, photos, width, scheme):
    tab.set_viewport_size(dict(width=width, height=844))
    tab.emulate_media(color_scheme=scheme)
    tab.set_input_files("#files", photos["large"])
    tab.wait_for_selector("#progress:text-is('1 photo')")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    light = tab.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(x => x > 200)")
    assert light == (scheme == "light") and tab.is_visible(".camera") == (width == 390)
    tab.click(".photo-card button")
