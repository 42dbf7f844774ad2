"Annotation files: whatever strays from a format is an error of one line, and written answers are read back"
import json, math, random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from telling import says, told

from fashion_tagger.annotations import (read_celeba, read_coco, read_label_studio, read_open_images,
                                        write_label_studio)
from fashion_tagger.bulk import answer_row
from fashion_tagger.schema import Attribute, InputError, Schema, TagSet


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    "An empty folder with three photos, where the test runs"
    monkeypatch.chdir(tmp_path)
    for i in (1, 2, 3): Image.new("RGB", (200, 100)).save(f"{i}.jpg")
    return tmp_path


def write(name, content):
    "A file of text, or of anything else as JSON"
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(content if isinstance(content, str) else json.dumps(content))
    return name


marks = "3\nBangs Male Smiling\n000001.jpg -1  1  1\n000002.jpg  1 -1 -1\n000003.jpg -1 -1 -1\n"
parts = "000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n"


def spoilt_celeba(old="", new="", part_old="", part_new=""):
    "Read CelebA's lists with one change"
    write("list_attr_celeba.txt", marks.replace(old, new, 1))
    write("list_eval_partition.txt", parts.replace(part_old, part_new, 1))
    return read_celeba(".", missing="keep")


def test_celeba_names_the_line_at_fault():
    assert len(spoilt_celeba()) == 3
    says("(row 1, line 3)", read_celeba, ".") # no photo is there
    says("line 4: '2' in 'Bangs', which should be -1 or 1", spoilt_celeba, "002.jpg  1", "002.jpg  2")
    says("in line 4, saw 5", spoilt_celeba, "1 -1 -1\n", "1 -1 -1 1\n")
    says("line 5: an empty cell in 'Smiling'", spoilt_celeba, "003.jpg -1 -1 -1", "003.jpg -1 -1")
    says("line 1: 'Bangs Male", spoilt_celeba, "3\n", "")
    says("lacks 1 image", spoilt_celeba, part_old="000002.jpg 1\n")
    says("line 2: '5' in 'partition'", spoilt_celeba, part_old="002.jpg 1", part_new="002.jpg 5")
    says("nowhere does not exist", read_celeba, "nowhere")
    says("damaged or cut short", read_celeba, write("empty.txt", ""))


def labels(*rows, **kwargs):
    "The tags in a file of labels without names, and the warnings"
    for i in range(3): Image.new("RGB", (8, 8)).save(f"aa{i}.jpg")
    text = "\n".join(["ImageID,LabelName,Source,Confidence", *rows])
    table, said = told(read_open_images, write("labels.csv", text), **kwargs)
    return [*table["tags"]], said


def test_open_images_takes_what_was_verified():
    assert labels("aa0,/m/1,v,1", "aa0,/m/1,c,1.0", "aa0,/m/2,v,0") == ([{"/m/1": True, "/m/2": False}], [])
    tags, said = labels("aa0,/m/1,v,1", "aa0,/m/1,c,0", "aa0,/m/2,v,0")
    assert tags == [{"/m/2": False}]
    assert "1 label both present and absent; read as missing: /m/1 of aa0" in said[0]
    tags, said = labels("aa0,/m/1,machine,0.7", "aa0,/m/2,v,0", "aa1,/m/2,v,1")
    assert tags == [{"/m/2": False}, {"/m/2": True}]
    assert "1 label with a confidence between 0 and 1" in said[0]
    assert "no label is verified as absent" in labels("aa0,/m/1,v,1")[1][0]


def test_open_images_names_the_fault():
    says("line 3: confidence 'yes'", labels, "aa0,/m/1,v,1", "aa0,/m/2,v,yes")
    says("did you mean '/m/1'", labels, "aa0,/m/1,v,1", classes="/m/11")
    says("no column 'Confidence'", read_open_images, write("b.csv", "ImageID,LabelName\na,b\n"))
    says("holds no file", read_open_images, ".")
    says("does not exist", read_open_images, "nowhere.csv")


def test_open_images_groups_the_labels_of_each_photo():
    rng = random.Random(0)
    pairs = {(f"f{rng.randrange(3000):015x}", f"/m/{rng.randrange(50)}"): rng.randrange(2) for _ in range(20_000)}
    rows = (f"{image},verification,{label},{applies}" for (image, label), applies in pairs.items())
    write("many.csv", "\n".join(["ImageID,Source,LabelName,Confidence", *rows]))
    table, _ = told(read_open_images, "many.csv", missing="keep")
    found = {(Path(image).stem, label): applies for image, cell in zip(table["image"], table["tags"])
             for label, applies in cell.items()}
    assert found == pairs


coco = dict(
    images=[dict(id=i, file_name=f"{i}.jpg", width=200, height=100) for i in (1, 2, 3)],
    categories=[dict(id=1, name="dress", supercategory="body"), dict(id=2, name="hat", supercategory="head")],
    attributes=[dict(id=0, name="maxi", supercategory="length")],
    annotations=[dict(id=1, image_id=1, category_id=1, bbox=[50, 20, 60, 80], attribute_ids=[0], iscrowd=0),
                 dict(id=2, image_id=2, category_id=2, bbox=[60, 0, 40, 20], attribute_ids=[], iscrowd=0)])


def more(*annotations, **lists):
    "The file with other annotations in addition"
    return write("more.json", coco | dict(annotations=[*coco["annotations"], *annotations]) | lists)


@pytest.mark.parametrize("box", [
    None, [1, 2, 3], [1, 2, "a", 3], [1, 2, 0, 3], [1, 2, -5, 3], [300, 0, 20, 20], [math.nan, 1, 2, 3],
    [math.inf, 1, 2, 3]], ids=str)
def test_a_box_without_area_is_left_out(box):
    table, said = told(read_coco, more(dict(id=4, image_id=2, category_id=1, bbox=box)))
    assert len(table) == 2 and len(said) == 1 and "1 annotation with a box without area" in said[0]


def test_boxes_are_cut_where_the_size_of_a_photo_is_known():
    wide = dict(id=4, image_id=2, category_id=1, bbox=[150, 0, 100, 10])
    assert read_coco(more(wide), margin=0)["box"][2] == (150, 0, 200, 10)
    unsized = [dict(id=i, file_name=f"{i}.jpg") for i in (1, 2, 3)]
    assert read_coco(more(wide, images=unsized), margin=0)["box"][2] == (150, 0, 250, 10)


def test_coco_names_the_entry_at_fault():
    def refuses(words, *annotations, **lists): says(words, read_coco, more(*annotations, **lists))
    refuses("annotation 4 is of category 3", dict(id=4, image_id=1, category_id=3))
    boxed = dict(id=4, image_id=1, category_id=1, bbox=[0, 0, 9, 9], attribute_ids=[9])
    refuses("annotation 4 has attribute 9", boxed)
    refuses("entry 3 of 'annotations' has no 'category_id'", dict(id=4, image_id=1))
    refuses("entry 1 of 'images' has no 'file_name'", images=[dict(id=1)])
    refuses("has no list 'categories'", categories=None)
    refuses("no annotation that can be used", annotations=[])
    images = [dict(id=i, file_name=f"{name}.jpg") for i, name in ((1, 1), (2, "x"), (3, 3))]
    refuses("1 of 2 images does not exist", images=images)
    says("does not exist; give the file", read_coco, "nowhere.json")
    says("margin: -1", read_coco, more(), margin=-1)
    with pytest.raises(ValueError, match="'annotation' or 'image'"): read_coco(more(), per="photo")


def task(i, *words, name="type", **annotation):
    "A task with an annotation of some words, of photo `i`"
    result = [dict(from_name=name, type="choices", value=dict(choices=words))] if words else []
    return dict(id=i, data=dict(image=f"{i}.jpg"), annotations=[dict(result=result, **annotation)])


def read(*tasks, **kwargs): return told(read_label_studio, write("tasks.json", [*tasks]), **kwargs)


def test_annotators_agree_whatever_the_order_of_their_words():
    both = task(1, "a", "b")
    both["annotations"] += task(1, "b", "a")["annotations"]
    table, said = read(both)
    assert ([*table["type"]], said) == ([("b", "a")], [])
    both["annotations"] += task(1, "a")["annotations"]
    assert "annotators disagree in 1 task" in read(both)[1][0]
    rows = [dict(id=1, image="1.jpg", words=word) for word in ("a", "b")] # of JSON-MIN
    assert "annotators disagree in 1 task" in read(*rows)[1][0]


def test_the_latest_annotation_is_taken():
    several = task(1, "b", updated_at="2026-02-01")
    several["annotations"] += task(1, "c", created_at="2026-03-01", was_cancelled=True)["annotations"]
    several["annotations"] += task(1, "a", updated_at="2026-01-01")["annotations"]
    assert [*read(several)[0]["type"]] == ["b"]


def test_results_of_other_kinds_are_counted():
    noted = task(1, "hat")
    noted["annotations"][0]["result"] += [dict(from_name="note", type="textarea", value=dict(text=["torn"]))]
    table, said = read(noted)
    assert [*table] == ["image", "type"] and "passed over: textarea (1)" in said[0]


def test_controls_are_chosen_by_name():
    two = task(1, "hat")
    two["annotations"][0]["result"] += task(1, "M", name="size")["annotations"][0]["result"]
    assert [*read(two, names="size")[0]] == ["image", "size"]
    says("did you mean 'size'", read, two, names="sise")
    says("no column 'words'", read, two, tags="words")


shape = dict(x=10, y=20, width=30, height=40, rotation=0)
region = dict(id="r", original_width=200, original_height=100, to_name="image")


def boxed_task(i, *words, **changed):
    "A task with a rectangle around a dress, and some words about the photo"
    result = dict(region, from_name="kind", type="rectanglelabels",
                  value=shape | dict(rectanglelabels=["dress"]) | changed)
    boxed = task(i, *words)
    boxed["annotations"][0]["result"] += [result]
    return boxed


def test_rectangles_become_boxes():
    table, said = read(boxed_task(1, "new"), task(2), task(3, "old"), margin=0)
    assert [*table["image"]] == ["./1.jpg", "./3.jpg"]
    assert [*table["box"]] == [(20, 20, 80, 60), None]
    assert [*read(boxed_task(1, "new"), margin=None)[0]] == ["image", "type", "kind"]
    table, said = read(boxed_task(1, width=0), boxed_task(2))
    assert [*table["image"]] == ["./2.jpg"] and "1 rectangle without area" in said[0]


def test_label_studio_names_the_task_at_fault():
    unlabelled = dict(id=2, data=dict(image="2.jpg"), predictions=[])
    says("no task is annotated", read, unlabelled)
    says("no choice and no rectangle", read, task(1))
    says("no task names a photo", read, dict(id=2, data=dict(text="good")))
    says("task 2: no photo under 'image'", read, task(1, "hat"), dict(id=2, data=dict(text="good")))
    says("task 2: not as Label Studio writes it", read, task(1, "hat"), dict(unlabelled, annotations=[{}]))
    says("no list of tasks", read_label_studio, write("tasks.json", {}))
    Path("empty").mkdir()
    uploaded = task(1, "hat") | dict(data=dict(image="/data/upload/3/1a2b3c4d-1.jpg"))
    says("a path of a Label Studio server", read, uploaded, images="empty")


results = [dict(region, from_name="kind", type="rectanglelabels", value=dict(shape, rectanglelabels=["dress"])),
           dict(region, from_name="colour", type="choices", value=dict(shape, choices=["red", "blue"])),
           dict(from_name="season", type="choices", value=dict(choices=["summer"]))]
tasks = [dict(id=i, data=dict(image=f"/data/upload/3/1a2b3c4d-{i}.jpg"), annotations=[
             dict(was_cancelled=False, created_at="2026-01-01", updated_at=f"2026-01-0{n}", result=results)
             for n in range(1, i + 1)]) for i in (1, 2)]
min_rows = [dict(id=1, image="1.jpg", season="summer", words=dict(choices=["a", "b"]), updated_at="2026-01-01",
                 kind=[dict(shape, original_width=200, original_height=100, rectanglelabels=["dress"])])]


def places(node):
    "Every dict and list in a document, with each of its keys"
    if not isinstance(node, (dict, list)): return
    for key in [*node] if isinstance(node, dict) else range(len(node)):
        yield node, key
        yield from places(node[key])


def read_photos(path): return read_coco(path, per="image")
def read_kinds(path): return read_coco(path, supercategories=True)


@pytest.mark.parametrize("read, document", [
    (read_coco, coco), (read_photos, coco), (read_kinds, coco), (read_label_studio, tasks),
    (read_label_studio, min_rows)])
def test_a_document_that_is_changed_anywhere_is_read_or_refused_in_one_line(read, document):
    n_refused, text = 0, json.dumps(document)
    for i in range(len([*places(document)])):
        for other in (None, "x", -1, math.nan, 1e400, [], {}, [[1]], {"x": 1}):
            changed = json.loads(text)
            node, key = [*places(changed)][i]
            node[key] = other
            try: table, _ = told(read, write("changed.json", changed))
            except InputError as e:
                n_refused += 1
                assert "\n" not in str(e) and len(str(e)) < 300
            else: assert len(table) and all(isinstance(c, str) for c in table)
    assert n_refused


def test_a_document_that_is_cut_short_is_refused():
    text = json.dumps(tasks)
    for n in range(0, len(text) - 1, 97):
        says("damaged or cut short", read_label_studio, write("cut.json", text[:n]))


def accepted(path):
    "The tasks of a file, each with its prediction as an annotation"
    tasks = json.loads(Path(path).read_text())
    return [dict(t, id=i, annotations=[dict(result=t["predictions"][0]["result"])]) for i, t in enumerate(tasks)]


@pytest.mark.parametrize("tags", [("red", "off white", "a,b", "<x>", 'say "é"'), ("red", "new")], ids=len)
def test_answers_are_read_back_as_they_were_written(tags):
    rng, schema = np.random.default_rng(0), Schema([Attribute("type", ["hat", "a & b", "1"]), TagSet("words", tags)])
    images = [f"a b/{i}#ü%20.jpg" for i in range(40)]
    probabilities = rng.random((len(images), schema.n_logits))
    rows = [answer_row(schema, image, p) for image, p in zip(images, probabilities)]
    assert write_label_studio(rows, schema, "answers.json") == len(images)
    table = read_label_studio(write("accepted.json", accepted("answers.json")), tags="words", missing="keep")
    answers = [schema.decode(p) for p in probabilities]
    assert [*table["image"]] == [f"./{image}" for image in images]
    assert [*table["type"]] == [a["type"]["value"] for a in answers]
    assert [*table["words"]] == [tuple(a["words"]["value"]) for a in answers]


schema = Schema([Attribute("type", ["dress", "hat"]), TagSet("words", ["red", "new"])])
row = dict(image="1.jpg", type="dress", type_p=0.98, words="new red", words_p="0.9 0.6", error=None)
broken = dict(image="4.jpg", type=None, type_p=None, words=None, words_p=None, error="4.jpg: not a readable image")


def test_photos_that_could_not_be_read_are_left_out():
    n, said = told(write_label_studio, [row, broken], schema, "out.json")
    assert n == 1 and "1 photo that could not be read left out: 4.jpg" in said[0]


def test_rows_that_do_not_fit_are_refused():
    def refuses(words, row, out="out.json", **kwargs): says(words, write_label_studio, [row], schema, out, **kwargs)
    refuses("no photo with answers", broken)
    refuses("'type' has no value 'cap'", row | dict(type="cap"))
    refuses("'words' has no tag 'old'", row | dict(words="old", words_p="0.9"))
    refuses("lacks 'type'", dict(image="1.jpg"))
    Path("served").mkdir()
    refuses("does not lie in served", row, images="served")
    refuses("nowhere/out.json", row, "nowhere/out.json")
