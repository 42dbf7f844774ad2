"Shifts, shears and colours to the pixel, one interpolation, the recipes by name; photos in plain fastai DataBlocks"
import math
import pickle
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fastai.torch_core import set_seed
from fastai.vision.augment import AffineCoordTfm
from fastai.vision.core import PILImage, TensorImage, image2tensor
from PIL import Image

from fashion_tagger.drawing import draw_garment
from fashion_tagger.photos import fit_photo
from fashion_tagger.schema import InputError
from fashion_tagger.transforms import (
    AUGMENTATIONS, Augment, FitPhoto, Photo, TensorPhoto, augment_tfms, photo_augment, shear_mat, shift_mat)

STILL = dict(do_flip=False, max_rotate=0, min_zoom=1, max_zoom=1, max_warp=0, max_lighting=0)
EVERYTHING = dict(max_shift=0.1, max_shear=10, max_saturation=0.3, max_hue=0.1)
H, W = 101, 81


def close(a, b, eps):
    a, b = (torch.as_tensor(o).as_subclass(torch.Tensor).float() for o in (a, b))
    torch.testing.assert_close(a, b, atol=eps, rtol=0)


def moved(x, *mats): return Augment([AffineCoordTfm([*mats], align_corners=True)])(TensorImage(x), split_idx=0)


def augmented(x, seed=0, **kwargs):
    set_seed(seed)
    return photo_augment((80, 64), **kwargs)(x, split_idx=0)


def recoloured(x, **kwargs): return augmented(x, **{**STILL, "p_lighting": 1., **kwargs})[:, :, 40, 32]
def painted(*colours): return TensorImage(torch.tensor(colours)[:, :, None, None].expand(-1, 3, 8, 8).clone())
def spread(x): return x.max(1)[0] - x.min(1)[0]


def test_shift_moves_a_dot():
    dot = torch.ones(1, 3, H, W)
    dot[..., 50, 40] = 0
    x = moved(dot, partial(shift_mat, draw_x=0.1, draw_y=-0.2))
    assert (x[0, 0] < 0.5).nonzero().tolist() == [[50 - 20, 40 + 8]]


def test_what_comes_in_is_white():
    expected = torch.ones(3, H, W)
    expected[:, :81, 8:] = 0
    close(moved(torch.zeros(1, 3, H, W), partial(shift_mat, draw_x=0.1, draw_y=-0.2))[0], expected, eps=1e-4)


def lean(x, top=10, bottom=90):
    "How far a dark line goes to the left from one row to another, for each pixel down"
    dark = 1 - x[0, 0, [top, bottom]]
    at = (dark*torch.arange(W)).sum(1)/dark.sum(1)
    return ((at[0] - at[1])/(bottom - top)).item()


@pytest.mark.parametrize("angle", [10., -5.])
def test_shear_leans_by_its_angle(angle):
    line = torch.ones(1, 3, H, W)
    line[..., 39:42] = 0
    close(lean(moved(line, partial(shear_mat, draw=angle))), math.tan(math.radians(angle)), eps=1e-3)


def test_shear_leaves_white_corners():
    "50 rows above the middle everything has gone 8.8 pixels to the right, 50 rows below it to the left"
    sheared = moved(torch.zeros(1, 3, H, W), partial(shear_mat, draw=10.))[0, 0]
    far = math.floor(50*math.tan(math.radians(10)))
    for row in (sheared[0], sheared[-1].flip(0)): assert row[:far].min() > 0.999 and row[far+2:].max() < 1e-3
    assert sheared[50].max() < 1e-3


def test_one_interpolation():
    "Opposite shifts leave a photo as it was, and a whole number of pixels is moved without any blur"
    noise = torch.rand(2, 3, H, W)
    there = partial(shift_mat, draw_x=[0.1, 0.2], draw_y=0.3)
    back = partial(shift_mat, draw_x=[-0.1, -0.2], draw_y=-0.3)
    close(moved(noise, there, back), noise, eps=1e-4)
    close(moved(noise, there)[0, :, 30:, 8:], noise[0, :, :-30, :-8], eps=1e-4)
    for kwargs in ({}, STILL, EVERYTHING): assert len(photo_augment((80, 64), **kwargs).space.fs) == 1


def test_random_matrices():
    set_seed(0)
    mats = shift_mat(torch.rand(2000, 3, 4, 4), 0.1, p=0.5)
    close((mats[:, 0, 2] != 0).float().mean(), 0.5, eps=0.05)
    assert 0.19 < mats[:, :2, 2].abs().max() <= 0.2
    assert shear_mat(torch.rand(9, 3, 4, 4), batch=True, p=1.).unique(dim=0).shape == (1, 3, 3)


def test_edges():
    x = TensorImage(torch.full((8, 3, 96, 80), 0.2))
    turn = dict(max_rotate=30, p_affine=1., max_lighting=0)
    white = augmented(x, **turn)
    assert white.shape == (8, 3, 80, 64)
    close(white[0, :, 40, 32], [0.2]*3, eps=1e-3)
    close(white.max(), 1., eps=1e-3)
    assert augmented(x, fill="reflect", **turn).max() < 0.21
    assert photo_augment((80, 64))(x, split_idx=1) is x


def test_sizes_seeds_and_memory_formats():
    x = TensorImage(torch.rand(4, 3, 96, 80))
    close(augmented(x, **STILL), F.interpolate(x, (80, 64), mode="bilinear", align_corners=True), eps=1e-4)
    assert torch.equal(augmented(x, **EVERYTHING), augmented(x, **EVERYTHING))
    assert (augmented(x, **EVERYTHING) - augmented(x, seed=1, **EVERYTHING)).abs().max() > 0.1
    channels_last = x.contiguous(memory_format=torch.channels_last)
    close(augmented(channels_last, **EVERYTHING), augmented(x, **EVERYTHING), eps=1e-5)
    assert augmented(x, batch=True, **EVERYTHING).shape == (4, 3, 80, 64)
    assert augmented(x, min_scale=0.5).shape == (4, 3, 80, 64)
    assert photo_augment(48)(x, split_idx=0).shape == (4, 3, 48, 48)


def test_saturation_and_hue():
    grey, rose = painted([0.6]*3), painted([0.8, 0.3, 0.4])
    close(recoloured(grey, max_saturation=0.5, max_hue=0.3), grey[:, :, 0, 0], eps=1e-4)
    white = recoloured(painted([1.]*3), max_saturation=0.5, max_hue=0.3, max_lighting=0.3)
    close(white, [[1.]*3], eps=1e-4)
    many = TensorImage(rose.expand(500, -1, -1, -1).clone())
    strength = spread(recoloured(many, max_saturation=0.5))
    assert strength.min() < 0.3 < 0.7 < strength.max()
    hues = recoloured(many, max_hue=0.3)
    close(spread(hues), torch.full((500,), 0.5), eps=1e-3)  # as strong as before
    assert {*hues.argmax(1).tolist()} == {0, 1, 2}


def test_recipes():
    for name in AUGMENTATIONS:
        augment, = augment_tfms(name, (64, 64))
        set_seed(3)
        x = augment(TensorImage(torch.full((64, 3, 72, 72), 0.2)), split_idx=0)
        assert x.shape == (64, 3, 64, 64)
        assert (x.max() > 0.95) == (name != "satellite"), name  # white edges, or reflected ones
    assert augment_tfms("none", 64) == augment_tfms(False, 64) == []
    assert augment_tfms(dict(max_shift=0.2), (64, 48), "reflect")[0].fill == "reflect"
    with pytest.raises(InputError, match="'catalog'; there are catalogue, keras, satellite, colour_jitter, none"):
        augment_tfms("catalog", (64, 64))
    with pytest.raises(InputError, match="need a square size, not 160x128"): augment_tfms("satellite", (160, 128))


def test_photo():
    array = np.random.default_rng(0).integers(0, 256, (20, 10, 3), dtype=np.uint8)
    chw = torch.from_numpy(array).permute(2, 0, 1)
    for source in (array, chw, Image.fromarray(array), Photo.create(array)):
        assert isinstance(photo := Photo.create(source), Photo)
        assert torch.equal(image2tensor(photo), chw)
    assert Photo.create(chw[0]).mode == "RGB"  # grey


def test_fit_photo():
    photo = draw_garment("boots", "red", size=(96, 120), seed=0)
    for size in (64, (64, 48)):
        fit = FitPhoto(size, presize=80, method="pad", fill="reflect")
        again = pickle.loads(pickle.dumps(fit))
        for f in (fit, again):
            expected = fit_photo(photo, f.size, "pad", "reflect")
            assert image2tensor(f(photo, split_idx=1)).tolist() == image2tensor(expected).tolist()
            assert f(photo, split_idx=0).size == (80, 80)
        assert repr(fit) == repr(again)
    assert repr(FitPhoto(64)) == "FitPhoto((64, 64), presize=None, method='squish', fill='white')"


def test_transforms_keep_the_type_of_an_image():
    photo = draw_garment("boots", "red", seed=0)
    for kind, of in ((PILImage, PILImage), (Photo, Photo), (lambda x: x, Photo)):
        assert type(FitPhoto(64)(kind(photo.copy()), split_idx=1)) is of


def test_pickled_augmentation():
    x = TensorPhoto(torch.rand(2, 3, 96, 80))
    augment = photo_augment((80, 64), **EVERYTHING)
    again = pickle.loads(pickle.dumps(augment))
    set_seed(0)
    expected = augment(x, split_idx=0)
    set_seed(0)
    assert torch.equal(again(x, split_idx=0), expected)
    assert isinstance(expected, TensorPhoto)
