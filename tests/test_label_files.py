"Label files of kinds that first-time users brought: each is read as a person reads it, or said"
import warnings

import pytest

from fashion_tagger.schema import InputError, TableWarning
from fashion_tagger.sources import read_csv, read_image_column


@pytest.fixture
def read(tmp_path, monkeypatch):
    "The table of a text, with its warnings under `said`"
    monkeypatch.chdir(tmp_path)

    def read(text, name="labels.csv", **kwargs):
        (tmp_path/name).write_text(text, encoding="utf-8")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            table = read_csv(name, **kwargs)
        read.said = " ".join(str(w.message) for w in caught if w.category is TableWarning)
        return table
    return read


def test_lists_beside_words(read):
    text = 'image,tags\n1.jpg,"[""Black"", ""Fall""]"\n2.jpg,"Black, Fall"\n3.jpg,Black\n4.jpg,[]\n5.jpg,"new, hot"\n'
    assert [*read(text, tags="tags")["tags"]] == [("Black", "Fall"), ("Black", "Fall"), ("Black",), (), ("new, hot",)]
    assert [*read('image,tags\n1.jpg,"{""Navy Blue"",Fall}"\n', tags="tags")["tags"]] == [("Navy Blue", "Fall")]


def test_the_column_with_photos(read):
    table = read("Artikelnr;Bilddatei;Farbe\n18461;15970.jpg;Navy\n18462;15971.jpg;Red\n", attributes="Farbe")
    assert [*table["image"]] == ["15970.jpg", "15971.jpg"] and "taken from column 'Bilddatei'" in read.said
    assert [*read("id,foto,colour\n1,a.jpg,red\n", attributes="colour")["image"]] == ["a.jpg"]


@pytest.mark.parametrize("yes, no", [("x", ""), ("Y", ""), ("✓", "✗"), ("oui", "non"), ("1", "0"), ("TRUE", "False")])
def test_marks(read, yes, no):
    table = read(f"photo,new,hot\n1.jpg,{yes},{no}\n2.jpg,{no},{yes}\n", tags=["new", "hot"])
    assert [*table["tags"]] == [("new",), ("hot",)]
    assert ("no cell says no" in read.said) == (no == "")


def test_counts_beside_marks(read):
    text = "image,red,dress\n1.jpg,0,0\n2.jpg,2,1\n"
    with pytest.raises(InputError, match="red: '2' beside columns of 0 and 1"): read(text, tags=["red", "dress"])


def test_levels(read):
    text = "image,k\n1.jpg,A {0} B\n2.jpg,A {0} C\n"
    for sign in ">", "/", "›", "|": assert [*read(text.format(sign), attributes="k_2")["k_2"]] == ["B", "C"]
    with pytest.raises(InputError, match=r"k has 2 level\(s\) such as 'A > B', not 3"):
        read(text.format(">"), attributes="k_3")


def test_what_is_no_flag_and_no_level(read):
    with pytest.raises(InputError, match="'new' does not hold 0 and 1"):
        read("image,new\n1.jpg,red\n", tags=dict(style=["new"]))
    with pytest.raises(InputError, match="size has no levels"): read("image,size\n1.jpg,M\n", attributes="size_1")


def test_no_header(read, tmp_path):
    for text in "15970.jpg,Shirts\n15971.jpg,Shirts\n", "Shirts,15970.jpg\nShirts,15971.jpg\n":
        with pytest.raises(InputError, match="has no header, but '15970.jpg'"): read(text, attributes="Shirts")
        with pytest.raises(InputError, match="has no header"): read_image_column("labels.csv")


def test_numbers_among_tags(read):
    for cell in "38,39", "red,38,39":
        with pytest.raises(InputError, match="2 tags|3 tags"): read(f'image,tags\n1.jpg,"{cell}"\n', tags="tags")
    assert [*read('image,tags\n1.jpg,"red, 38, size 4,new"\n', tags="tags")["tags"]] == [("red", "38", "size 4", "new")]


def test_a_split_with_odd_words(read):
    table = read("image,Subset,kind\n1.jpg,Train,hat\n2.jpg,holdout,cap\n", attributes="kind")
    assert "split" not in table and "column 'Subset' is no split, as it holds 'holdout'" in read.said


def test_groups(read):
    text = "image,{},kind\n1.jpg,A-1,hat\n2.jpg,A-1,cap\n3.jpg,B-2,hat\n"
    for name in "Style Code", "EAN", "parent_sku", "Model No.", "item":
        assert [*read(text.format(name), attributes="kind")["group"]] == ["A-1", "A-1", "B-2"], name
    assert "group" not in read("image,item,kind\n1.jpg,Shirts,a\n2.jpg,Shirts,b\n3.jpg,Hats,a\n", attributes="kind")


def test_decimal_commas(read):
    with pytest.raises(InputError, match="'0,5 cm' may be"):
        read("image;size\n1.jpg;0,5 cm\n2.jpg;1,5 cm\n", tags="size")
    rows = "".join(f"{i}.jpg;€ {i*37 + 1000:,}.00\n" for i in range(60))
    with pytest.raises(InputError, match="measurements"): read(f"image;price\n{rows}", attributes="price")


def test_nested_values(read):
    text = '[{"file": "1.jpg", "labels": {"type": "hat"}}]'
    with pytest.raises(InputError, match="no single value"): read(text, "labels.json", attributes="labels")


def test_contradicting_rows_share_their_tags(read):
    from fashion_tagger.photo_names import check_images
    table = read("image,tag,kind\n1.jpg,red,hat\n1.jpg,new,hat\n1.jpg,old,cap\n", attributes="kind", tags="tag")
    with pytest.warns(TableWarning, match="all kept"): checked = check_images(table, missing="keep")
    assert [*checked["tag"]] == [("red", "new", "old")]*3
