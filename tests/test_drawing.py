"What a drawn garment's label says is what is seen"
import colorsys

import numpy as np
import pytest
from PIL import Image

from fashion_tagger import drawing
from fashion_tagger.drawing import BACKGROUNDS, COLOURS, PATTERNS, draw_garment, image_grid
from fashion_tagger.garments import TYPES
from fashion_tagger.schema import InputError

HUES = dict(red=(345, 15), orange=(15, 40), yellow=(42, 62), green=(100, 165), blue=(195, 225), navy=(210, 245),
            purple=(255, 290), pink=(325, 355), brown=(12, 35), beige=(30, 50))  # degrees
VALUES = dict(black=(0, .3), grey=(.4, .75), white=(.82, 1.01))


def middle(img):
    "Hue in degrees, saturation and value of the middle of a picture"
    w, h = img.size
    r, g, b = np.median(np.asarray(img.crop((w*4//10, h*4//10, w*6//10, h*6//10))).reshape(-1, 3), axis=0)/255
    hue, sat, val = colorsys.rgb_to_hsv(r, g, b)
    return hue*360, sat, val


@pytest.mark.parametrize("colour", COLOURS)
def test_cloth_has_the_colour_of_its_name(colour):
    for seed in range(12):
        hue, sat, val = middle(draw_garment("t-shirt", colour, seed=seed))
        if colour in HUES:
            low, high = HUES[colour]
            assert (hue-low) % 360 <= (high-low) % 360, (seed, hue)
            assert sat > .15, (seed, sat)
        else:
            low, high = VALUES[colour]
            assert sat < .2, (seed, sat)
            assert low <= val < high, (seed, val)


def test_dyes_lie_between_two_ends():
    rng = np.random.default_rng(0)
    for name, ends in COLOURS.items():
        low, high = np.sort([drawing._rgb(o) for o in ends], axis=0)
        dye = drawing._dye_lot(name, rng)
        assert ((low - 1e-6 <= dye) & (dye <= high + 1e-6)).all(), name


def test_prints_leave_most_of_the_ground():
    v, u = np.mgrid[0:160, 0:160]/200
    for name, pattern in PATTERNS.items():
        if not pattern.print: continue
        covered = [pattern.print(u, v, 1/200, np.random.default_rng(i)).mean() for i in range(20)]
        assert .05 < min(covered) and max(covered) < .45, name


def test_backgrounds():
    for name, background in BACKGROUNDS.items():
        img = background.paint(np.random.default_rng(1), (48, 40))
        assert img.shape == (48, 40, 3)
        assert .2 < img.mean() < 1.05, name


def test_white_on_white_is_visible():
    "By its lines and its shadow"
    for kind in TYPES:
        grey = np.asarray(draw_garment(kind, "white", seed=5, background="white").convert("L"))
        assert (grey < 215).mean() > .015, kind


def test_seeds_and_sizes():
    bag = draw_garment("bag", "green", seed=3)
    assert bag.mode == "RGB" and bag.size == (128, 160)
    assert bag == draw_garment("bag", "green", seed=3)
    assert bag != draw_garment("bag", "blue", seed=3)
    assert draw_garment("boots", "brown", size=(64, 96), seed=0).size == (96, 64)


def test_image_grid():
    assert image_grid([Image.new("RGB", (10, 20))], 1, ["a"], ["b"]).size > (10, 20)


@pytest.mark.parametrize("says, arguments", [
    ("there is no 'coat'", ("coat", "red")), ("there is no 'teal'", ("dress", "teal")),
    ("pattern: there is no 'paisley'", ("dress", "red", "paisley")),
    ("sleeve: trainers cannot have one", ("trainers", "red", "plain", "long")),
    ("choose one of long, sleeveless", ("jacket", "red", "plain", "short")),
    ("at least 32", ("dress", "red", "plain", None, (8, 8))),
    ("background: there is no 'moon'", ("dress", "red", "plain", None, (160, 128), 0, "moon"))])
def test_invalid_arguments(says, arguments):
    with pytest.raises(InputError, match=says): draw_garment(*arguments)
