"Tables of any writing are read as a user would expect, or named in one line; `python tests/test_tables.py` reads a million rows as well"
import csv, os, string, sys, tempfile, time, warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from fashion_tagger.schema import InputError
from fashion_tagger.schema import TableWarning
from fashion_tagger.sources import read_csv

EXAMPLES = int(os.environ.get("FASHION_TAGGER_EXAMPLES", 150))
plain = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=12).map(str.strip).filter(bool)
word = st.text(string.ascii_letters + string.digits + "éß-'_", min_size=1, max_size=8)
label = st.one_of(plain, st.sampled_from(["007", "nan", "None", "NA", "null", "1e5", "-1", "TRUE", "0", "", "  ", "a,b", 'say "x"', "line\nbreak", "=1+1", "x;y", "|"]))
row = st.tuples(label, st.lists(word, max_size=4))
relaxed = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@given(st.lists(row, min_size=1, max_size=8), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
@relaxed
def test_what_is_written_is_read(rows, encoding, delimiter, end, quoting):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)/"labels.csv"
        with open(path, "w", encoding=encoding, newline="") as f:
            write = csv.writer(f, delimiter=delimiter, lineterminator=end, quoting=quoting)
            write.writerow(["image", "type", "tags"])
            for i, (text, tags) in enumerate(rows): write.writerow([f"{i:03}.jpg", text, "|".join(tags)])
        table = read_csv(path, folder, "type", "tags", tag_sep="|")
    assert table["image"].tolist() == [os.path.join(folder, f"{i:03}.jpg") for i in range(len(rows))]
    assert table["type"].tolist() == [text.strip() or None for text, _ in rows]
    assert table["tags"].tolist() == [tuple(dict.fromkeys(tags)) or None for _, tags in rows]


@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda s: ("image,type\n" + s).encode("utf-8", "surrogatepass")), st.lists(st.sampled_from([b",", b'"', b"\n", b"\r", b"a", b"image", b"type", b";", b"\t", b"\xff", b"\0", b" "]), max_size=60).map(b"".join)),
       st.sampled_from([".csv", ".tsv"]))
@relaxed
def test_any_bytes(data, ending):
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)
        path = Path(folder)/f"labels{ending}"
        path.write_bytes(data)
        try: read_csv(path, folder, "type")
        except InputError as e: assert "\n" not in str(e).strip() or b"\n" in data or b"\r" in data


@pytest.mark.parametrize("name", ["../out.jpg", "a/../../out.jpg", "..", "x/../..", "..\\out.jpg"])
def test_paths_stay_in_the_folder(name, tmp_path):
    (tmp_path/"labels.csv").write_text(f"image,type\n{name},dress\n")
    with pytest.raises(InputError, match="leads out of the folder"): read_csv(tmp_path/"labels.csv", tmp_path, "type")


def test_backslashes_and_absolute_paths(tmp_path):
    (tmp_path/"labels.csv").write_text(f"image,type\nphotos\\1.jpg,dress\n{tmp_path}/photos/2.jpg,shirt\n")
    assert read_csv(tmp_path/"labels.csv", tmp_path, "type")["image"].tolist() == [f"{tmp_path}/photos/1.jpg", f"{tmp_path}/photos/2.jpg"]


@pytest.mark.parametrize("text, said", [("image,type,type\n1.jpg,a,b\n", "more than one column 'type'"), ("image,type\n", "has no rows"), ("", "not even a header"), ("image,kind\n1.jpg,a\n", "no column 'type'"), ("image,type\n,a\n", "no image in column"),
                                        ("image,type,split\n1.jpg,a,maybe\n", "'split' is 'maybe'"), ('image,type\n"1.jpg,a\n', "quoted cell"), ("image,type\n1.jpg,a,b,c\n2.jpg,a,b\n", "more cells than the header")])
def test_named(text, said, tmp_path):
    (tmp_path/"labels.csv").write_text(text)
    with pytest.raises(InputError, match=said): read_csv(tmp_path/"labels.csv", tmp_path, "type")


def test_latin1(tmp_path):
    (tmp_path/"labels.csv").write_bytes("image,type\n1.jpg,jupe à plis\n".encode("latin1"))
    with pytest.raises(InputError, match="iconv"): read_csv(tmp_path/"labels.csv", tmp_path, "type")


def million(n=1_000_000):
    import resource
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/labels.csv", "w") as f:
            f.write("image,type,colour,tags,split\n")
            for i in range(n): f.write(f"{i}.jpg,type{i % 40},{'' if i % 7 == 0 else f'colour{i % 12}'},a{i % 5}|b{i % 9},{'valid' if i % 5 == 0 else 'train'}\n")
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        table = read_csv(f"{folder}/labels.csv", folder, ["type", "colour"], "tags")
        assert len(table) == n and table["colour"].isna().sum() == len(range(0, n, 7))
        print(f"{n:,} rows in {time.perf_counter() - start:.1f} s, {(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)//1024:,} MB more at the peak")


if __name__ == "__main__":
    million()
    os.environ["FASHION_TAGGER_EXAMPLES"] = "10000"
    sys.exit(pytest.main([__file__, "-q"]))
