"""Tables of any writing are read as a user would expect, or named in one line; `python tests/test_tables.py` reads
a million rows as well"""
import csv, os, re, string, sys, tempfile, time, warnings
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from PIL import Image
from telling import says, told

from fashion_tagger.schema import InputError, TableWarning
from fashion_tagger.photo_names import check_images
from fashion_tagger.sources import read_csv, read_folders, read_image_column, read_table

EXAMPLES = int(os.environ.get("FASHION_TAGGER_EXAMPLES", 150))
printable = st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"))
plain = st.text(printable, min_size=1, max_size=12).map(str.strip).filter(lambda t: t and t[0] not in "[{")
word = st.text(string.ascii_letters + string.digits + "éß-'_", min_size=1, max_size=8)
unusual = ["007", "nan", "None", "NA", "null", "1e5", "-1", "TRUE", "0", "", "  ", "a,b", 'say "x"', "line\nbreak",
           "=1+1", "x;y", "|"]
label = st.one_of(plain, st.sampled_from(unusual))
MISSING_WORDS = "nan", "na", "n/a", "n.a.", "k.a.", "s.d.", "#n/a", "<na>", "null", "-", "--", "?"
row = st.tuples(label, st.lists(word, max_size=4))
unchecked = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
relaxed = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=unchecked)

any_bytes = st.binary(max_size=300)
any_text = st.text(max_size=200).map(lambda s: ("image,type\n" + s).encode("utf-8", "surrogatepass"))
pieces = [b",", b'"', b"\n", b"\r", b"a", b"image", b"type", b";", b"\t", b"\xff", b"\0", b" "]
any_cells = st.lists(st.sampled_from(pieces), max_size=60).map(b"".join)


@given(st.lists(row, min_size=1, max_size=8), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
       st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n"]),
       st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
@relaxed
def test_what_is_written_is_read(rows, encoding, delimiter, end, quoting):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)/"labels.csv"
        with open(path, "w", encoding=encoding, newline="") as f:
            write = csv.writer(f, delimiter=delimiter, lineterminator=end, quoting=quoting)
            write.writerow(["image", "type", "tags"])
            for i, (text, tags) in enumerate(rows): write.writerow([f"{i:03}.jpg", text, "|".join(tags)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TableWarning)
            table = read_csv(path, folder, "type", "tags", tag_sep="|")
    assert table["image"].tolist() == [os.path.join(folder, f"{i:03}.jpg") for i in range(len(rows))]
    known = [None if text.strip().lower() in MISSING_WORDS else text.strip() or None for text, _ in rows]
    if any(known) and all(re.fullmatch(r"-?\d+\.0", t) for t in known if t): known = [t and t[:-2] for t in known]
    assert table["type"].tolist() == known
    tags = [() if "|".join(tags).lower() in MISSING_WORDS else tuple(dict.fromkeys(tags)) for _, tags in rows]
    assert table["tags"].tolist() == [t or None for t in tags]


@given(st.one_of(any_bytes, any_text, any_cells), st.sampled_from([".csv", ".tsv"]))
@relaxed
def test_any_bytes(data, ending):
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)
        path = Path(folder)/f"labels{ending}"
        path.write_bytes(data)
        try: read_csv(path, folder, "type")
        except InputError as e: assert "\n" not in str(e).strip() or b"\n" in data or b"\r" in data


@pytest.fixture
def home(tmp_path, monkeypatch):
    "An empty folder, where the test runs"
    monkeypatch.chdir(tmp_path)
    return tmp_path


def draw(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(name)


def write(name, text, **kwargs):
    Path(name).write_text(text, **kwargs)
    return name


STYLES = """id,gender,articleType,words,split
15970,Men,Shirts,navy|casual,train
1163,Women,,white,valid
"""


# Files

@pytest.mark.parametrize("name", ["../out.jpg", "a/../../out.jpg", "..", "x/../..", "..\\out.jpg"])
def test_paths_stay_in_the_folder(name, tmp_path):
    (tmp_path/"labels.csv").write_text(f"image,type\n{name},dress\n")
    with pytest.raises(InputError, match="leads out of the folder"): read_csv(tmp_path/"labels.csv", tmp_path, "type")


@pytest.mark.parametrize("name", ["a/../b.jpg", "..b.jpg", "a..b/c.jpg"])
def test_two_dots_inside_the_folder(name, home):
    assert read_csv(write("labels.csv", f"image,type\n{name},dress\n"), ".", "type")["image"].tolist() == [f"./{name}"]


def test_backslashes_and_absolute_paths(tmp_path):
    (tmp_path/"labels.csv").write_text(f"image,type\nphotos\\1.jpg,dress\n{tmp_path}/photos/2.jpg,shirt\n")
    table = read_csv(tmp_path/"labels.csv", tmp_path, "type")
    assert table["image"].tolist() == [f"{tmp_path}/photos/1.jpg", f"{tmp_path}/photos/2.jpg"]


def test_styles(home):
    table = read_csv(write("styles.csv", STYLES), attributes=["gender", "articleType"], tags="words")
    expected = pd.DataFrame(dict(image=["15970.jpg", "1163.jpg"], gender=["Men", "Women"], articleType=["Shirts", None],
                                 words=[("navy", "casual"), ("white",)], split=["train", "valid"]), dtype=object)
    pd.testing.assert_frame_equal(table, expected)
    says("there are gender (2 values), articleType (1 value), words (2 values)", read_csv, "styles.csv")


def test_words_for_a_missing_value(home):
    text = 'image,size,fit\na.jpg,007,NA\nb.jpg,2011.0,None\nc.jpg,"large, or so",nan\nd.jpg, ,n/a\n\n'
    write("odd.csv", text, encoding="utf-8-sig")  # as Excel writes it, with a mark at the start
    table, said = told(read_csv, "odd.csv", attributes=["size", "fit"])
    assert len(said) == 1 and "'NA' (1 row)" in said[0] and "'None' (1 row) read as a value" in said[0]
    assert [*table["size"]] == ["007", "2011.0", "large, or so", None]
    assert [*table["fit"]] == [None, "None", None, None]
    assert [*table["image"]] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


def test_tag_separators(home):
    write("tags.tsv", "photo\twords\tstyle\n0\tlight blue; navy\tcasual\n1\twhite\tformal-shirt\n")
    table = read_csv("tags.tsv", tags=["words", "style"], tag_sep="[ ;-]+")
    assert [*table["style"]] == [("casual",), ("formal", "shirt")]
    write("european.csv", "photo;words;price\n0;navy,casual;9,90\n")
    assert [*read_csv("european.csv", tags="words")["words"]] == [("navy", "casual")]
    says("neither one character nor a regular expression", read_csv, "european.csv", tags="words", tag_sep="[a")


def test_endings(home):
    draw("mixed/1.PNG", "mixed/2.jpg")
    write("ids.csv", "kind,id,source\nhat,1,1.PNG\nhat,2,2\nhat,3.webp,3.webp\nhat,4,4\n")
    assert [*read_csv("ids.csv", attributes="kind")["image"]] == ["1.jpg", "2.jpg", "3.webp", "4.jpg"]
    mixed = read_csv("ids.csv", "mixed", "kind")
    assert [*mixed["image"]] == ["mixed/1.PNG", "mixed/2.jpg", "mixed/3.webp", "mixed/4.jpg"]
    says("nowhere is not a folder", read_csv, "ids.csv", "nowhere", "kind")


def test_a_link_to_itself_is_no_image(home):
    draw("shop/a.jpg")
    os.symlink("b.jpg", "shop/b.jpg")
    write("labels.csv", "image,kind\na,hat\nb,hat\n")
    says("1 of 2 images does not exist, e.g. shop/b (row 2, line 3)", read_table, "labels.csv", "shop", "kind")


def test_image_column(home):
    draw("shop/b.png", "shop/a/red dress.jpg")
    write("new.csv", 'id,price\nb,10\n"a/red dress",25\n')
    assert read_image_column("new.csv", images="shop") == ["shop/b.png", "shop/a/red dress.jpg"]
    write("shop.tsv", "price\tphoto\n10\tshop/b.png\n")
    assert read_image_column("shop.tsv", image_column="photo") == ["shop/b.png"]
    assert read_image_column(f"{home}/shop.tsv", image_column="photo") == [f"{home}/shop/b.png"]
    says("did you mean 'photo'?", read_image_column, "shop.tsv", image_column="foto")
    says("more than one column 'id'", read_image_column, write("bad.csv", "id,id\n1,2\n"))


def test_uneven_rows(home):
    write("kaggle.csv", "id,articleType,productDisplayName\n39401,Jeans,Gini and Jony Girls Black Jeans\n"
                        "6044,Shirts,Puma Men White, Blue Shirt\n1163,Tshirts\n7990,Hats,,\n")
    table, said = told(read_csv, "kaggle.csv", attributes="articleType")
    assert [*table["articleType"]] == ["Jeans", "Shirts", "Tshirts", "Hats"]
    assert said == ["kaggle.csv: 1 row with more cells than the header's 3 (line 3); "
                    "the surplus was taken for text of the last column, 'productDisplayName'",
                    "kaggle.csv: 1 row with fewer cells than the header's 3 (line 4); the rest was read as missing"]
    says("(line 3); quote the cells", read_csv, "kaggle.csv", attributes=["articleType", "productDisplayName"])
    write("wide.csv", "image,kind,note\n1.jpg,navy,hat,x\n2.jpg,red,hat,y\n")
    says("2 rows with more cells than the header's 3", read_csv, "wide.csv", attributes="kind")


@pytest.mark.parametrize("text, said", [
    ("image,type,type\n1.jpg,a,b\n", "more than one column 'type'"),
    ("image,type\n", "has no rows"),
    ("", "not even a header"),
    ("image,kind\n1.jpg,a\n", "no column 'type'; it has image, kind"),
    ("image,kind,TYPE,Type\n1.jpg,a,b,c\n", "no column 'type' (did you mean 'TYPE'?); it has image, kind, TYPE, Type"),
    ("image,types\n1.jpg,a\n", "(did you mean 'types'?)"),
    ("image,type\n1.jpg,b\n,a\n", "1 row with no image in column 'image' (line 3)"),
    ("type,where\nhat,1\n",
     "is a target; say which names the photos (image_column, in a shell --image-column); there are where"),
    ("image,type,split\n1.jpg,a,maybe\n", "line 2: 'split' is 'maybe'; write one of train,"),
    ('image,type\n1.jpg,hat\n2.jpg,"cap\n3.jpg,hat\n', "line 3: a quoted cell goes wrong"),
    ("image,type\n1.jpg,a,b,c\n2.jpg,a,b\n", "more cells than the header"),
    ("image,type\n1.jpg,a\0\n", "line 2: a null byte")])
def test_named(text, said, home): says(said, read_csv, write("labels.csv", text), ".", "type")


def test_files_that_are_no_tables(home):
    says("none.csv: No such file", read_csv, "none.csv", attributes="kind")
    says("tables end in .csv, .tsv, .xlsx", read_csv, "notes.docx", attributes="kind")


def test_split_columns(home):
    write("split.csv", "image,kind,split,is_valid,fold\n1.jpg,hat,Train,False,0\n2.jpg,hat,val,True,1\n")
    says("split.csv, line 2: 'fold' is '0'; write one of train,",
         read_csv, "split.csv", attributes="kind", split="fold")


def test_latin1(home):
    write("labels.csv", "image,type\n1.jpg,jupe à plis\n", encoding="latin-1")
    says("labels.csv is not in UTF-8", read_csv, "labels.csv", attributes="type")
    says("'jupe à plis' in cp1252", read_csv, "labels.csv", attributes="type")
    says("iconv -f ENCODING", read_csv, "labels.csv", attributes="type")
    write("labels.csv", "image,type\n1.jpg,jupe à plis\n", encoding="utf-16")  # it says so in its first bytes
    assert read_csv("labels.csv", attributes="type")["type"].tolist() == ["jupe à plis"]


# Folders

def test_what_is_hidden_holds_no_photos(home):
    draw("wardrobe/black_jeans/1.jpg", "wardrobe/blue_dress/3.JPG", "wardrobe/.trash/0.jpg")
    Path("wardrobe/__MACOSX").mkdir()
    for name in ("__MACOSX/1.jpg", "._1.jpg", "notes.txt"): write(f"wardrobe/{name}", "not a photo")
    os.symlink(home, "wardrobe/loop", target_is_directory=True)
    os.symlink("itself", "wardrobe/itself")
    table, said = told(read_folders, "wardrobe")
    assert [*table["image"]] == ["wardrobe/black_jeans/1.jpg", "wardrobe/blue_dress/3.JPG"]
    assert said == ["1 folder of wardrobe/ with no image that can be read left out: loop"]


def test_folders_without_photos(home):
    says("No such file", read_folders, "attic")
    Path("attic").mkdir()
    says("no images (.jpg, .jpeg,", read_folders, "attic")
    draw("photos/1.jpg")
    says("images but no class folders", read_folders, "photos")


def test_names_of_targets(home):
    draw("shop/red_t-shirt/1.png", "shop/blue_t-shirt/2.png")
    assert [*read_folders("shop", tags="words")] == ["image", "words"]
    says("'colour' is asked for twice", read_folders, "shop", ["colour", "colour"])
    says("either attributes or one tag set", read_folders, "shop", ["colour"], tags="tags")
    says("'image' cannot be a target", read_folders, "shop", ["image"])


def test_what_folders_leave_out(home):
    draw("wardrobe/black_jeans/1.jpg", "wardrobe/all.jpg")
    Path("wardrobe/red_shirt").mkdir()
    _, said = told(read_folders, "wardrobe")
    assert said == ["1 image of wardrobe/ in no class folder left out: all.jpg",
                    "1 folder of wardrobe/ with no image that can be read left out: red_shirt"]


def test_split_folders(home):
    draw("phone/train/hat/1.jpg", "phone/train/skirt/2.jpg", "phone/validation/hat/3.jpg", "phone/test/hat/4.jpg")
    table = read_folders("phone", attributes="type")
    assert [*table["split"]] == ["test", "train", "train", "valid"]
    assert [*table["type"]] == ["hat", "hat", "skirt", "hat"]
    assert [*read_table("phone", attributes="type", split=False)] == ["image", "type"]
    os.rename("phone/validation", "phone/nothing")
    table, said = told(read_folders, "phone", attributes="type")
    assert [*table["split"]] == ["test", "train", "train"]
    assert said == ["1 image of phone/ in no class folder left out: nothing/hat/3.jpg"]


# Images

def test_missing_and_repeated_images(home):
    draw("photos/15970.jpg", "photos/1163.jpg", "wardrobe/1.jpg")
    write("more.csv", STYLES + "7,Women,Skirts,red,train\n1163,Women,,white,valid\n15970,Men,Tshirts,navy,train\n")
    table = read_csv("more.csv", "photos", "articleType")
    says("7.jpg (row 2); say which folder they are in (images, in a shell --images), or leave", check_images, table)
    table, said = told(check_images, table, missing="skip")
    assert len(table) == 3
    assert said == ["1 of 5 images does not exist, e.g. photos/7.jpg (row 2); left out",
                    "2 rows joined into 1, one for each image",
                    "1 image in several rows with different labels or splits; all kept: photos/15970.jpg"]
    assert len(told(check_images, read_csv("more.csv", "photos", "articleType"), missing="keep")[0]) == 4
    says("5 of 5 images do not exist", check_images, read_csv("more.csv", "wardrobe", "gender"), "skip")
    says("no rows", check_images, table[:0])
    with pytest.raises(ValueError, match="missing must be"): check_images(table, "drop")


def test_what_a_folder_needs_no(home):
    draw("wardrobe/black_jeans/1.jpg")
    Path("attic").mkdir()
    says("nothing does not exist; give", read_table, "nothing")
    says("no images (.jpg,", read_table, "attic")
    says("leave out images", read_table, "wardrobe", images=".")
    says("leave out split", read_table, "wardrobe", split="split")


def million(n=1_000_000):
    import resource
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/labels.csv", "w") as f:
            f.write("image,type,colour,tags,split\n")
            for i in range(n):
                colour = "" if i % 7 == 0 else f"colour{i % 12}"
                f.write(f"{i}.jpg,type{i % 40},{colour},a{i % 5}|b{i % 9},{'valid' if i % 5 == 0 else 'train'}\n")
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        table = read_csv(f"{folder}/labels.csv", folder, ["type", "colour"], "tags")
        assert len(table) == n and table["colour"].isna().sum() == len(range(0, n, 7))
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)//1024
        print(f"{n:,} rows in {time.perf_counter() - start:.1f} s, {peak:,} MB more at the peak")


if __name__ == "__main__":
    million()
    os.environ["FASHION_TAGGER_EXAMPLES"] = "10000"
    sys.exit(pytest.main([__file__, "-q"]))
