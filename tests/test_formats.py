"Published formats: each fault of a file is one line that names it"
import os, random, time, tracemalloc, warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from telling import says, told

from fashion_tagger.formats import (MAAD_GROUPS, _marks, _tag_cell, read_apascal, read_deepfashion,
                                    read_deepfashion_attributes, read_deepfashion_categories, read_fashion_products,
                                    read_planet, read_signed_csv)
from fashion_tagger.schema import TagSet


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    "An empty folder, where the test runs"
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name, text):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
    return name


# Marks

WORDS = np.array(["red", "floral", "v-neck"], dtype=object)


def cell(text, absent="-1", **kwargs): return _tag_cell(_marks(text.split(), "here", absent), WORDS, **kwargs)


def test_marks():
    assert cell("1 -1 1") == ("red", "v-neck")
    assert cell("-1 -1 -1") == ()
    assert cell("1 -1 0") == {"red": True, "floral": False}
    assert cell("0 0 0") is None
    assert cell("1 -1 0", unknown="absent") == ("red",)
    assert cell("0 1 0", absent="0") == ("floral",)
    vector = TagSet("tags", WORDS).encode(cell("1 -1 0"))
    assert vector[:2].tolist() == [1, 0] and np.isnan(vector[2])


@pytest.mark.parametrize("text", ["1 2 0", "1 - 0", "1 -1 10", "1 x 0", "1 --1 0", "1 - 10", "1 \0 0"])
def test_what_is_no_mark(text): says("should be one of -1, 0, 1", cell, text)


def test_unknown_is_missing_or_absent():
    with pytest.raises(ValueError, match="unknown must be"): read_deepfashion(".", unknown="present")


# Fashion Product Images

STYLES = """id,gender,masterCategory,articleType,baseColour,productDisplayName
0,Men,Apparel,Shirts,Navy Blue,Turtle Check Men Navy Blue Shirt
1,Men,Apparel,Jeans,,"Peter England Men Party, Blue Jeans"
3,Women,Accessories,Watches,Silver,Titan Women Silver Watch
9,Women,Accessories,Watches,Silver,Gone
"""


@pytest.fixture
def shop():
    write("shop/styles.csv", STYLES)
    os.mkdir("shop/images")
    for i, (mode, size) in enumerate([("RGB", (60, 80)), ("L", (60, 80)), ("RGB", (80, 60)), ("RGB", (60, 80))]):
        Image.new(mode, size).save(f"shop/images/{i}.jpg")
    return "shop"


def test_size_of_photos(shop):
    table, said = told(read_fashion_products, shop, check_size=(80, 60))
    assert [*table["articleType"]] == ["Shirts", "Watches"]
    assert said == ["1 of 4 images does not exist, e.g. shop/images/9.jpg (row 3); left out",
                    "1 of 3 images not 60x80 RGB (width x height): 1.jpg (60x80 L); left out"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        says("3 of 3 images not 224x224 RGB", read_fashion_products, shop, check_size=(224, 224))
        says("check none", read_fashion_products, shop, check_size=(224, 224))


def test_fashion_products(shop):
    table, _ = told(read_fashion_products, "shop/styles.csv", split="tutorial")
    assert [*table] == ["image", "gender", "articleType", "baseColour", "split"]
    assert [*table["split"]] == ["train", "train", "valid"]
    assert None in {*table["baseColour"]}
    assert len(read_fashion_products("shop/styles.csv", attributes="masterCategory", missing="keep")) == 4
    alone = write("alone/styles.csv", STYLES)
    assert [*read_fashion_products(alone, missing="keep")["image"]] == ["0.jpg", "1.jpg", "3.jpg", "9.jpg"]
    says("alone/images is not a folder", read_fashion_products, alone)
    says("lacks a file; looked for styles.csv", read_fashion_products, ".")
    says("1 of 4 images does not exist", read_fashion_products, shop, missing="error")
    says("styles.csv has no column 'season'; it has id, gender", read_fashion_products, shop, attributes="season")


# Planet

def test_planet():
    text = "image_name,tags\ntrain_0,haze primary\ntrain_1,agriculture clear primary water\ntrain_2,\n"
    table = read_planet(write("planet/train_v2.csv", text))
    assert [*table["tags"]] == [("haze", "primary"), ("agriculture", "clear", "primary", "water"), None]
    assert [*table["image"]] == ["train_0.jpg", "train_1.jpg", "train_2.jpg"]
    assert read_planet(write("ending.csv", text.replace(",h", ".jpg,h").replace(",a", ".jpg,a"))).equals(table)
    os.mkdir("planet/train-jpg")
    assert read_planet("planet")["image"][1] == "planet/train-jpg/train_1.jpg"
    says("looked for train_v2.csv and train_classes.csv", read_planet, ".")
    says("planets does not exist; give the data set's folder, or its train_v2.csv", read_planet, "planets")
    says("no column 'tags'", read_planet, write("styles.csv", STYLES))


# DeepFashion

LISTS = {
    "Anno/list_category_cloth.txt": "3\ncategory_name  category_type\n"
                                    "Anorak         1\nLong Skirt     2\nDress          3\n",
    "Anno/list_category_img.txt": "3\nimage_name  category_label\nimg/a/1.jpg   3\nimg/a/2.jpg   1\nimg/b/1.jpg   2\n",
    "Anno/list_attr_cloth.txt": "4\nattribute_name  attribute_type\n"
                                "floral          1\nfaux leather    2\na-line          3\nv-neck          4\n",
    "Anno/list_attr_img.txt": "3\nimage_name  attribute_labels\n"
                              "img/a/1.jpg   1 -1 -1  1\nimg/a/2.jpg  -1 -1 -1 -1\nimg/b/1.jpg  -1  0  1  0\n",
    "Anno/list_bbox.txt": "3\nimage_name  x_1 y_1 x_2 y_2\n"
                          "img/a/1.jpg   072 079 232 273\nimg/a/2.jpg   0 0 100 50\nimg/b/1.jpg   67 59 155 161\n",
    "Eval/list_eval_partition.txt": "3\nimage_name  evaluation_status\n"
                                    "img/a/1.jpg   train\nimg/a/2.jpg   val\nimg/b/1.jpg   test\n"}


@pytest.fixture
def deepfashion():
    for name, text in LISTS.items(): write(f"deepfashion/{name}", text)
    return "deepfashion"


def test_deepfashion(deepfashion):
    assert [*read_deepfashion_categories(deepfashion)["type"]] == ["upper", "lower", "full"]
    names = read_deepfashion_attributes("deepfashion/Anno/list_attr_cloth.txt")["name"]
    assert [*names] == ["floral", "faux leather", "a-line", "v-neck"]
    table = read_deepfashion(deepfashion)
    assert [*table] == ["image", "box", "category", "category_type", "attributes", "split"]
    assert [*table["category"]] == ["Dress", "Anorak", "Long Skirt"]
    assert [*table["split"]] == ["train", "valid", "test"]
    assert [*table["attributes"]] == [("floral", "v-neck"), (), {"floral": False, "a-line": True}]
    assert [*table["box"]] == [(56, 60, 248, 292), (0, 0, 110, 55), (58, 49, 164, 171)]
    exact = read_deepfashion(deepfashion, margin=0)
    assert [*exact["box"]] == [(72, 79, 232, 273), (0, 0, 100, 50), (67, 59, 155, 161)]
    absent = read_deepfashion(deepfashion, unknown="absent")
    assert [*absent["attributes"]] == [("floral", "v-neck"), (), ("a-line",)]


def test_deepfashion_in_one_folder(deepfashion):
    for name, text in LISTS.items():
        if "list_attr" not in name: write(f"flat/{Path(name).name}", text)
    flat = read_deepfashion("flat", images=deepfashion, types=())
    assert flat.equals(read_deepfashion(deepfashion).drop(columns="attributes"))
    says("flat lacks a file; looked for Anno/list_attr_img.txt and Anno_coarse/list_attr_img.txt",
         read_deepfashion, "flat")
    says("nowhere does not exist; give the data set's folder", read_deepfashion, "nowhere")
    says("no attributes of type 'colour'; there are texture, fabric", read_deepfashion, deepfashion, types="colour")
    says("margin: -1 should be a share from 0", read_deepfashion, deepfashion, margin=-1)


def spoil(name, old, new):
    "The lists with one change"
    for n, text in LISTS.items():
        if n.endswith(f"/{name}.txt"): text = text.replace(old, new, 1)
        write(f"spoilt/{n}", text)
    return "spoilt"


@pytest.mark.parametrize("name, old, new, words", [
    ("list_category_img", "3\n", "4\n",
     "list_category_img.txt: line 1 says 4 rows, but there are 3; get the whole file"),
    ("list_attr_cloth", "4\n", "",
     "list_attr_cloth.txt, line 1: 'attribute_name  attribute_type' should be the number of rows"),
    ("list_category_cloth", "Anorak         1", "Anorak         7",
     "line 3: 'Anorak         7' should be a name and its type, one of 1 (upper)"),
    ("list_category_cloth", "Anorak         1", "Anorak", "line 3: 'Anorak' should be a name and its type"),
    ("list_category_img", "2.jpg   1", "2.jpg   0", "line 4: there is no category 0; list_category_cloth.txt has 3"),
    ("list_category_img", "2.jpg   1", "2.jpg   4", "line 4: there is no category 4"),
    ("list_category_img", "a/2.jpg   1", "a/1.jpg   1", "line 4: img/a/1.jpg is there for the second time"),
    ("list_attr_img", "1 -1 -1  1", "1 -1 -1",
     "list_attr_img.txt, line 3: 3 values after the image, where 4 should be"),
    ("list_attr_img", "1 -1 -1  1", "1 -1 -1 2", "list_attr_img.txt, line 3: '2' should be one of -1, 0, 1"),
    ("list_bbox", "072", "7.2", "list_bbox.txt, line 3: '7.2 079 232 273' should be a box, four whole numbers"),
    ("list_eval_partition", "   val", "   query",
     "list_eval_partition.txt, line 4: 'query' should be one of train, val, test"),
    ("list_eval_partition", "b/1.jpg", "b/9.jpg", "list_eval_partition.txt lacks img/b/1.jpg, which"),
    ("list_eval_partition", "b/1.jpg", "b/9.jpg", "for 2 images in all")])
def test_spoilt_lists(name, old, new, words): says(words, read_deepfashion, spoil(name, old, new))


def test_lists_that_are_mended():
    table, said = told(read_deepfashion, spoil("list_bbox", "67 59 155 161", "67 59 67 161"))
    assert table["box"][2] is None
    assert said == ["spoilt/Anno/list_bbox.txt: 1 image with a box without area; "
                    "the whole photo was taken: img/b/1.jpg"]
    table, said = told(read_deepfashion, spoil("list_category_cloth", "3\n", "5\n"))
    assert len(table) == 3 and "line 1 says 5 rows, but there are 3" in said[0]


# aPascal

ONE = ("2008_000003.jpg train 46 11 500 333 0 1 0\n2008_000003.jpg person 63 190 83 243 1 0 0\n"
       "2008_000008.jpg chair 5 5 105 25 0 0 1\n")


@pytest.fixture
def voc():
    write("voc/attribute_names.txt", "Head\nWheel\nFurn. Leg\n")
    return write("voc/apascal_test.txt", ONE)


def test_apascal(voc):
    table = read_apascal(voc)
    assert [*table["attributes"]] == [("Wheel",), ("Head",), ("Furn. Leg",)]
    assert [*table["box"]] == [(1, 0, 545, 365), (61, 185, 85, 248), (0, 3, 115, 27)]
    assert [*read_apascal("voc")["split"]] == ["test"]*3
    assert [*read_apascal(voc, margin=None)] == ["image", "class", "attributes"]
    assert read_apascal(voc, "elsewhere")["image"][2] == "elsewhere/2008_000008.jpg"
    assert read_apascal(voc)["image"][2] == "2008_000008.jpg"
    os.makedirs("voc/VOCdevkit/VOC2008/JPEGImages")
    assert read_apascal(voc)["image"][2] == "voc/VOCdevkit/VOC2008/JPEGImages/2008_000008.jpg"
    assert [*read_apascal(voc, "voc")["image"]] == [*read_apascal(voc)["image"]]


@pytest.mark.parametrize("old, new, words", [
    (" 0 0 1\n", " 0 0\n", "line 3: 7 values after the image, where 8 should be (class, box, 3 marks)"),
    (" 0 0 1\n", " 0 0 -1\n", "line 3: '-1' should be one of 0, 1"),
    ("chair 5 5", "dining chair 5", "line 3: 'chair 5 105 25' should be a box")])
def test_spoilt_apascal(voc, old, new, words):
    says(f"bad.txt, {words}", read_apascal, write("voc/bad.txt", ONE.replace(old, new)))


def test_apascal_without_its_files(voc):
    says("empty.txt has no rows", read_apascal, write("voc/empty.txt", ""))
    says("looked for attribute_names.txt", read_apascal, write("lone/apascal_test.txt", ""))
    says("none.txt: No such file", read_apascal, "lone", names="voc/none.txt")
    os.mkdir("planet")
    says("planet lacks a file; looked for apascal_train.txt and apascal_val.txt", read_apascal, "planet")
    says("vocs does not exist", read_apascal, "vocs")


# Signed tables

SIGNED = """Filename,Identity,Male,Young,Middle_Aged,Senior,Asian,White,Black,Bangs,Smiling
n000002/0001_01.jpg,2,1,-1,1,-1,-1,1,-1,-1,1
n000002/0002_01.jpg,2,1,-1,0,-1,0,0,0,0,-1
n000003/0001_01.jpg,3,-1,1,1,-1,-1,-1,1,0,0
n000003/0004_02.jpg,3,0,1,-1,-1,1,-1,-1,0,0
"""


def test_signed():
    path = write("maad.csv", SIGNED)
    table, said = told(read_signed_csv, path, groups=MAAD_GROUPS)
    assert [*table["age"]] == ["Middle_Aged", None, None, "Young"]
    assert [*table["ethnicity"]] == ["White", None, "Black", "Asian"]
    assert [*table["attributes"]] == [("Male", "Smiling"), {"Male": True, "Smiling": False}, {"Male": False}, None]
    assert said == ["maad.csv: 1 cell with more than one value of a group; read as missing: "
                    "line 4: Young and Middle_Aged"]
    assert read_signed_csv(path, unknown="absent")["attributes"][3] == ("Young", "Asian")
    assert read_signed_csv(path, "faces")["image"][0] == "faces/n000002/0001_01.jpg"
    others = ["Identity", "Male", "Bangs", "Smiling", "Asian", "White", "Black"]
    assert [*told(read_signed_csv, path, groups=dict(age=MAAD_GROUPS["age"]), others=others)[0]] == ["image", "age"]


@pytest.mark.parametrize("old, new, words", [
    ("2,1,-1,1,", "2,1,-1,5,", "line 2: '5' should be one of -1, 0, 1"),
    ("2,1,-1,1,", "2,1,-1,,", "line 2: '' should be one of -1, 0, 1"),
    ("2,1,-1,1,", "2,1,-1,", "line 2: 10 cells, where the header has 11"),
    ("n000003/0001_01.jpg", " ", "line 4: no image in column 'Filename'"),
    ("Bangs", "Male", "more than one column 'Male'"),
    ("Senior", "Old", "no column 'Senior'"),
    ("Filename", '"File"name', "line 1: a quoted cell goes wrong"),
    ("n000003/0001", '"n000003/0001', "line 5: a quoted cell goes wrong")])
def test_spoilt_signed(old, new, words):
    says(words, read_signed_csv, write("bad.csv", SIGNED.replace(old, new)), groups=MAAD_GROUPS)


def test_groups_of_signed():
    path = write("maad.csv", SIGNED)
    says("column 'Young' is in two groups", read_signed_csv, path, groups=dict(a=["Male", "Young"], b=["Young"]))
    says("no column 'Identity'; it has Male, Young", read_signed_csv, path, groups=dict(person=["Identity"]))
    says("'attributes' is asked for twice", read_signed_csv, path, groups=dict(attributes=["Male"]))
    says("bad.csv has no rows", read_signed_csv, write("bad.csv", "Filename,Male\n"))
    says("none.csv: No such file", read_signed_csv, "none.csv")


# Time and memory

def write_marks(n_rows, n_marks=1000):
    "A list of random marks, three in a thousand present, and what goes with it"
    rng = random.Random(0)
    images = [f"img/shirt/img_{i:08d}.jpg" for i in range(n_rows)]
    marks = ["  ".join(rng.choices(["-1", " 1"], [.997, .003], k=n_marks)) for _ in images]
    def write_list(name, rows): write(f"big/{name}.txt", "\n".join([str(len(rows)), "header", *rows, ""]))
    write_list("list_category_cloth", ["Anorak  1"])
    write_list("list_category_img", [f"{i}  1" for i in images])
    write_list("list_attr_cloth", [f"attribute {i}  {i%5 + 1}" for i in range(n_marks)])
    write_list("list_attr_img", [f"{i}  {m}" for i, m in zip(images, marks, strict=True)])
    return sum(m.count(" 1") for m in marks)


def test_marks_take_little_time_and_memory():
    present = write_marks(2000)
    start = time.process_time()
    table = read_deepfashion("big", margin=None, split=False)
    assert time.process_time() - start < 2
    assert sum(map(len, table["attributes"])) == present
    write_marks(500)
    tracemalloc.start()
    kept = read_deepfashion("big", margin=None, split=False)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken/len(kept) < 2000  # bytes a row


def test_signed_tables_take_little_time():
    rng = random.Random(0)
    header = ["Filename", "Identity", *MAAD_GROUPS["age"], *MAAD_GROUPS["ethnicity"], *(f"tag_{i}" for i in range(41))]
    marks = [",".join(rng.choices(["-1", "0", "1"], [.6, .2, .2], k=47)) for _ in range(10_000)]
    write("faces.csv", "\n".join([",".join(header), *(f"{i}.jpg,{i},{m}" for i, m in enumerate(marks))]))
    start = time.process_time()
    told(read_signed_csv, "faces.csv", groups=MAAD_GROUPS)
    assert time.process_time() - start < 2
