"The picture at the top of photos: a drawn jumper as it is in the file, upright, and resized in five ways"
import io

import matplotlib.pyplot as plt
from PIL import Image, ImageDraw

from fashion_tagger.photos import fit_photo, open_photo

JUMPER = [(.37, .17), (.45, .21), (.55, .21), (.63, .17), (.76, .24), (.92, .66), (.8, .71), (.7, .46), (.7, .86),
          (.3, .86), (.3, .46), (.2, .71), (.08, .66), (.24, .24)]


def draw_jumper(width=300, height=400):
    "A striped jumper on a plain background"
    size = 2*width, 2*height
    stripes, shape = Image.new('RGB', size, '#2f4b7c'), Image.new('L', size)
    for y in range(0, size[1], 90): ImageDraw.Draw(stripes).rectangle((0, y, size[0], y + 32), '#f1e9d8')
    ImageDraw.Draw(shape).polygon([(size[0]*x, size[1]*y) for x, y in JUMPER], 255)
    return Image.composite(stripes, Image.new('RGB', size, '#c9a57d'), shape).reduce(2)


def phone_file(photo):
    "The bytes of a JPEG as a phone writes it: lying on its side, with a note that says so"
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6 # to be turned by a quarter
    photo.transpose(Image.Transpose.ROTATE_90).save(file, 'JPEG', quality=92, exif=exif)
    return file.getvalue()


def at_a_glance():
    data = phone_file(draw_jumper())
    photo = open_photo(data)
    shown = {'in the file': Image.open(io.BytesIO(data)), 'open_photo': photo}
    for args in (('squish',), ('crop',), ('pad',), ('pad', 'reflect'), ('pad', 'border')):
        shown[', '.join(map(repr, args))] = fit_photo(photo, (200, 200), *args)
    _, axs = plt.subplots(1, len(shown), figsize=(10, 1.8), layout='constrained')
    for ax, (name, img) in zip(axs, shown.items()):
        ax.imshow(img)
        ax.set_title(name, fontsize=9)
        ax.set(xticks=[], yticks=[])
