"""Merged words add up for any mapping, what was learned from outfits follows the words, --from names what conflicts"""
import sys, warnings

import numpy as np
import pytest
import torch

from fashion_tagger.models import create_tagger, probabilities
from fashion_tagger.schema import Attribute, Schema, TagSet
from fashion_tagger.vocabulary import add_words, edit_words, reword_net

SCHEMA = Schema([Attribute("type", [f"type{i}" for i in range(12)]), TagSet("tags", [f"tag{i}" for i in range(6)])])
TEMPERATURES = dict(type=1.7, tags=0.6)


def answers(net, x):
    with torch.no_grad(): p = probabilities(net.schema, net.head(x), TEMPERATURES)
    return dict(zip(net.schema.names, (part for _, part in net.schema.split(p))))


@pytest.mark.parametrize("n_heads", [1, 2])
def test_any_mapping_adds_up(n_heads):
    torch.manual_seed(0)
    rng = np.random.default_rng(n_heads)
    net = create_tagger("smaller_vgg", SCHEMA, pretrained=False, n_heads=n_heads).eval()
    with torch.no_grad():
        for p in net.head.parameters(): p.mul_(4)  # probabilities near 0 and 1 as well
    x = torch.randn(20, sum(net.features.values()))
    before, words = answers(net, x), SCHEMA["type"].vocab
    for _ in range(8):
        becomes = {w: rng.choice(["", "a", "b", "c", "type3"]) for w in words if rng.random() < 0.6}
        after = answers(reword_net(net, edit_words(SCHEMA, "type", becomes), TEMPERATURES), x)["type"]
        to = [becomes.get(w, w) for w in words]
        made = [w for w in dict.fromkeys(to) if w]
        sums = torch.stack([before["type"][:, [t == w for t in to]].sum(1) for w in made], 1)
        assert torch.allclose(after, sums/sums.sum(1, keepdim=True), atol=2e-6)
    either = edit_words(SCHEMA, "tags", dict(tag0="x", tag4="x", tag5=""))
    tags = answers(reword_net(net, either, TEMPERATURES), x)["tags"]
    assert torch.allclose(tags[:, 0], before["tags"][:, [0, 4]].amax(1), atol=1e-6) and tags.shape[1] == 4


def test_a_bundle_of_merged_words_is_checked():
    from fashion_tagger.inference import _is_tagger_model
    fewer = edit_words(SCHEMA, "type", dict(type1="type0"))
    net = reword_net(create_tagger("smaller_vgg", SCHEMA, pretrained=False), fewer)
    assert _is_tagger_model(net.config)
    for wrong in (dict(n=10**9), dict(words="all"), dict(words=[["x"]]), dict(temperature=0)):
        merge = net.config["merged"][0]["type"] | wrong
        assert not _is_tagger_model(net.config | dict(merged=[dict(type=merge)]))


def test_outfits_follow_the_words(tmp_path):
    from fashion_tagger.outfit_model import OutfitModel, OutfitNet, load_outfit_model
    from fashion_tagger.teaching import _reword_outfits
    torch.manual_seed(0)
    n, rng = SCHEMA.n_logits, np.random.default_rng(0)
    net = OutfitNet(4, n, hidden=8, n_dims=3)
    torch.nn.init.normal_(net.scale.weight)
    counts = np.triu(rng.integers(0, 9, (12, 12)))
    types = rng.random((5, 12)) < 0.3
    nets, projection = torch.nn.ModuleList([net]), np.eye(6, 4, dtype=np.float32)
    model = OutfitModel(nets, np.zeros(6, np.float32), np.ones(6, np.float32), projection, "type",
                        dict(type=counts + counts.T), types, (1., 0.))
    model.save(tmp_path)
    wider = add_words(add_words(SCHEMA, Attribute("type", ["kaftan"])).schema, Attribute("neck", ["V"]))
    both = add_words(SCHEMA, Attribute("type", ["kaftan"]))
    _reword_outfits(tmp_path, SCHEMA, both)
    _reword_outfits(tmp_path, both.schema, wider)
    again = load_outfit_model(tmp_path, 6, wider.schema.n_logits)
    assert again.together["type"].shape == (13, 13) and again.types.shape == (5, 13)
    x, p = rng.normal(size=(3, 6)).astype(np.float32), rng.random((3, n)).astype(np.float32)
    kaftan = wider.schema["type"].vocab.index("kaftan")
    same = np.insert(np.c_[p, np.zeros((3, 1), np.float32)], kaftan, 0, axis=1).astype(np.float32)
    assert torch.allclose(model.vectors(x, p), again.vectors(x, same), atol=1e-6)
    merged = edit_words(wider.schema, "type", dict(type1="type0", type2=""))
    _reword_outfits(tmp_path, wider.schema, merged)
    fewer = load_outfit_model(tmp_path, 6, merged.schema.n_logits)
    assert fewer.together["type"][0, 0] == again.together["type"][:2, :2].sum()
    assert (fewer.types[:, 0] == again.types[:, :2].any(1)).all() and fewer.types.shape == (5, 11)


def test_mistakes_of_train_from(tmp_path, monkeypatch, capsys):
    from fashion_tagger.cli import main
    monkeypatch.chdir(tmp_path)
    def error(*args):
        monkeypatch.setattr(sys, "argv", ["fashion-tagger", "train", "t.csv", "--out", "b", "--from", *args])
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
        with pytest.raises(SystemExit) as e: main()
        assert e.value.code == 2
        line, = capsys.readouterr().err.splitlines()
        return line
    assert "leave out --arch, --size" in error("a", "--arch", "resnet18", "--size", "64x64")
    assert "leave out --heads, --method" in error("a", "--heads", "2", "--method", "pad")
    assert "leave out --seconds" in error("a", "--seconds", "60")
    assert "leave out --resume" in error("a", "--resume")
    assert "--from and --out are both b" in error("b")
    assert "a: not a bundle" in error("a")
