"What bodies, histogram and heads do in unusual cases; the notebook shows the usual ones"
import os
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from sklearn.datasets import load_sample_image

from fashion_tagger.models import (ColourHistogram, HeadEnsemble, TaggerHead, _pooled_size, create_tagger,
                                   create_tagger_body, packaged_weights, pool_map, probabilities)
from fashion_tagger.photos import load_photo
from fashion_tagger.schema import Attribute, InputError, Schema, TagSet

schema = Schema([Attribute('colour', ('black', 'red')), Attribute('type', ('dress', 'jeans', 'shirt')),
                 TagSet('tags', ('new', 'striped'))])


def imagenet_class(arch, photo):
    "What timm's classifier says of a photo, with the packaged weights"
    net = timm.create_model(arch).eval()
    net.load_state_dict(packaged_weights(arch))
    x = torch.from_numpy(np.array(load_photo(photo, (224, 224), 'crop'))).permute(2, 0, 1)[None]/255
    with torch.no_grad(): return net((x - 0.5)/0.5).argmax().item()


@pytest.mark.parametrize('n', [1, 2])
def test_packaged_weights_of_larger_bodies(n):
    arch = f'tf_efficientnet_lite{n}'
    if packaged_weights(arch) is None: pytest.skip('its package is not installed')
    assert imagenet_class(arch, load_sample_image('china.jpg')) == 698 # palace


@pytest.mark.skipif('FASHION_TAGGER_DATA' not in os.environ, reason='needs real photos')
@pytest.mark.parametrize('article, expected', [('Sandals', 774), ('Jeans', 608), ('Backpacks', 414)])
def test_packaged_weights_on_catalogue_photos(article, expected):
    import pandas as pd
    folder = Path(os.environ['FASHION_TAGGER_DATA'])/'fashion_products'
    styles = pd.read_csv(folder/'styles.csv')
    photo = folder/f'images/{styles[styles.articleType == article].id.iloc[0]}.jpg'
    assert imagenet_class('tf_efficientnet_lite0', photo) == expected


@pytest.mark.parametrize('arch, size, options', [
    ('convnext_atto', (160, 128), {}),
    ('convnext_tiny.dinov3_lvd1689m', (160, 128), {}),
    ('eva02_tiny_patch14_224', (168, 126), dict(img_size=(168, 126))),
    ('vit_base_patch16_siglip_224', (160, 128), dict(img_size=(160, 128), depth=4)),
    ('vit_small_patch14_dinov2', (168, 126), dict(img_size=(168, 126))),
    ('vit_small_patch16_dinov3', (160, 128), dict(out_indices=(2, 5, 8, 11)))])
def test_newer_bodies(arch, size, options):
    body, *_ = create_tagger_body(arch, pretrained=False, **options)
    with torch.no_grad(): maps = body.eval()(torch.rand(2, 3, *size))
    assert [m.shape[1] for m in maps] == body.channels


@pytest.mark.parametrize('arch, channels', [
    ('mobilenet_v2', [16, 24, 32, 96, 1280]),
    ('resnet101', [64, 256, 512, 1024, 2048])])
def test_channels(arch, channels): assert create_tagger_body(arch, pretrained=False)[0].channels == channels


@pytest.mark.parametrize('arch, message', [
    ('vit_b_16', 'not a chain of convolutional layers'),
    ('smallervgg', 'did you mean smaller_vgg')])
def test_refused_bodies(arch, message):
    with pytest.raises(InputError, match=message): create_tagger_body(arch, pretrained=False)


def test_smaller_vgg_takes_odd_sizes():
    maps = create_tagger_body('smaller_vgg', pretrained=False)[0](torch.rand(2, 3, 50, 40))
    assert [tuple(m.shape[1:]) for m in maps] == [(32, 16, 13), (64, 8, 6), (128, 4, 3)]


def test_pair_takes_pixels_unscaled():
    assert create_tagger_body('smaller_vgg+resnet18', pretrained=False)[1:] == ((0., 0., 0.), (1., 1., 1.))


def histogram_by_hand(photo, bins=6, white=0.94, stride=2, centre=0.5):
    counts, total = np.zeros((bins,)*3), 0
    _, h, w = photo.shape
    for i in range(0, h, stride):
        for j in range(0, w, stride):
            pixel = photo[:, i, j].numpy()
            y, x = (2*i + 1)/h - 1, (2*j + 1)/w - 1
            weight = np.clip((white + 0.06 - pixel.min())/0.06, 0, 1)*np.exp(-(x*x + y*y)/(2*centre**2))
            r, g, b = (np.clip(1 - np.abs(v*(bins - 1) - np.arange(bins)), 0, None) for v in pixel)
            counts += weight*np.einsum('i,j,k', r, g, b)
            total += weight
    return np.sqrt(counts.flatten()/(total + 1) + 1e-8)


odd = torch.rand(1, 3, 23, 14, generator=torch.Generator().manual_seed(0))


def test_histogram_pixel_by_pixel():
    np.testing.assert_allclose(ColourHistogram()(odd)[0, :-1], histogram_by_hand(odd[0]), atol=1e-5)


@pytest.mark.parametrize('size', [(1, 1), (1, 9), (7, 2)])
def test_histogram_of_tiny_photos(size): assert ColourHistogram()(torch.rand(1, 3, *size)).isfinite().all()


def test_histogram_of_white_is_empty(): assert ColourHistogram()(torch.ones(1, 3, 8, 8))[0, :-1].max() < 1e-3


def test_share_of_foreground_does_not_depend_on_the_middle():
    assert ColourHistogram()(odd)[0, -1] == ColourHistogram(centre=0)(odd)[0, -1]


def test_histogram_under_autocast():
    histogram = ColourHistogram()
    with torch.autocast('cpu', torch.bfloat16): assert torch.equal(histogram(odd), histogram(odd).float())


def test_histogram_passes_gradients():
    x = odd.clone().requires_grad_()
    ColourHistogram()(x).sum().backward()
    assert x.grad.abs().sum() > 0


def test_histogram_exports():
    histogram = ColourHistogram()
    graph = torch.export.export(histogram, (odd,), strict=False).module()
    assert torch.allclose(graph(odd), histogram(odd), atol=1e-6)


def test_pool_map_on_a_grid():
    m = torch.arange(24.).view(1, 2, 3, 4)
    assert torch.equal(pool_map(m, 1), pool_map(m, 'mean'))
    halves = [m[0, 0, a:a+2, b:b+2].mean() for a in (0, 1) for b in (0, 2)] # the middle row counts in both halves
    assert torch.allclose(pool_map(m, 2)[0, :4], torch.stack(halves))


@pytest.mark.parametrize('pool', ['max', 0, 2.5])
def test_unknown_pool(pool):
    with pytest.raises(InputError, match='unknown pool'): _pooled_size(2, pool)


@pytest.mark.parametrize('options, expected', [
    (dict(hidden=10), 2*28 + 28*10 + 2*10 + 11*7),
    (dict(hidden=10, norm='after_relu'), 29*10 + 2*10 + 11*7),
    (dict(hidden=10, norm=False), 29*10 + 11*7),
    (dict(hidden=0), 29*7)])
def test_parameters_of_a_head(options, expected):
    assert sum(p.numel() for p in TaggerHead(schema, dict(stage1=28), **options).parameters()) == expected


def test_layers_of_a_head():
    trunk = next(iter(TaggerHead(schema, dict(stage1=28)).trunks.values()))
    names = [type(m).__name__ for m in trunk]
    assert names == ['BatchNorm1d', 'ByteDropout', 'Linear', 'BatchNorm1d', 'ReLU', 'ByteDropout']


def test_linear_layers_are_as_wide_as_what_targets_see():
    groups = dict(colour='histogram', type='stage1')
    head = TaggerHead(schema, dict(stage1=8, histogram=4), hidden=0, feature_groups=groups)
    assert [m.in_features for m in head.linears] == [4, 8, 12]
    assert head(torch.randn(5, 12)).shape == (5, 7)


def test_ensemble_averages_probabilities():
    features = dict(stage1=8, histogram=4)
    ensemble = HeadEnsemble([TaggerHead(schema, features) for _ in range(3)], schema).eval()
    x = torch.randn(5, 12)
    mean = torch.stack([probabilities(schema, head(x)) for head in ensemble.heads]).mean(0)
    assert torch.allclose(probabilities(schema, ensemble(x)), mean, atol=1e-6)
    assert ensemble.feature_groups == 3*[('stage1', 'histogram')]


def test_heads_of_a_body_without_the_groups_asked_for_use_them_all():
    net = create_tagger('smaller_vgg+resnet18', schema, pretrained=False, feature_groups=dict(colour='stage2'))
    assert [h.feature_groups[0] for h in net.head.heads] == [('stage2',), ('stage2',)]
    assert [h.feature_groups[1][-2:] for h in net.head.heads] == [('stage3', 'histogram'), ('stage8', 'histogram')]


@pytest.mark.parametrize('options, features', [
    (dict(stages=[2], pool='mean_max', histogram_bins=0), dict(stage2=128)),
    (dict(stages=[]), dict(histogram=217)),
    (dict(stages=[3, 1], pool='mean', histogram_bins=4), dict(stage1=32, stage3=128, histogram=65))])
def test_features_are_as_wide_as_said(options, features):
    net = create_tagger('smaller_vgg', schema, pretrained=False, **options).eval()
    assert net.features == features
    with torch.no_grad(): assert net.embed(torch.rand(2, 3, 96, 80)).shape[1] == sum(features.values())


@pytest.mark.parametrize('stages', ['first', [4], [0]])
def test_stages_that_a_body_does_not_have(stages):
    with pytest.raises(InputError, match='the body has 3'):
        create_tagger('smaller_vgg', schema, pretrained=False, stages=stages)


def test_config_keeps_a_histogram_without_middle():
    net = create_tagger('smaller_vgg', schema, pretrained=False, histogram_centre=0)
    assert create_tagger(schema=schema, pretrained=False, **net.config).histogram.centre == 0


def test_config_without_builder():
    config = create_tagger('smaller_vgg', schema, pretrained=False).config
    assert config.pop('builder') == 'tagger'
    assert create_tagger(schema=schema, pretrained=False, **config).config['builder'] == 'tagger'
    with pytest.raises(InputError, match='unknown builder'):
        create_tagger(schema=schema, builder='vision_learner', **config)


@pytest.mark.parametrize('arch', ['mobilenetv2_100', 'convnext_tiny', 'resnet34+smaller_vgg'])
def test_groups_hold_every_parameter_once(arch):
    net = create_tagger(arch, schema, pretrained=False)
    for groups in (net.param_groups(), net.stage_groups()):
        assert sorted(id(p) for g in groups for p in g) == sorted(id(p) for p in net.parameters())
    assert len(net.stage_groups()) == len(net.body.channels) + 1


def test_last_stage_and_heads_train_alone():
    net = create_tagger('vgg16', schema, pretrained=False, histogram_bins=0)
    *_, last, heads = net.stage_groups()
    for p in net.parameters(): p.requires_grad_(False)
    for p in last + heads: p.requires_grad_(True)
    net(torch.rand(2, 3, 64, 64)).sum().backward()
    assert all(p.grad is not None for p in last + heads)
    assert sum(p.grad is not None for p in net.parameters()) == len(last) + len(heads)


def test_recipes_have_the_published_sizes():
    from fashion_tagger.models import RECIPES
    fashion = Schema([Attribute('gender', tuple('abcde')), Attribute('colour', tuple('abcdefg'))])
    nets = {}
    for name, options in RECIPES.items(): nets[name] = create_tagger(schema=fashion, **options | dict(pretrained=False))
    assert sum(p.numel() for p in nets['mobilenet_v2'].head.parameters()) == 1281*5 + 1281*7
    expected = dict(smaller_vgg=dict(stage3=8192), mobilenet_v2=dict(stage5=1280), vgg16=dict(stage6=8192))
    assert {name: net.features for name, net in nets.items()} == expected
