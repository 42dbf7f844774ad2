"The picture at the top of 28_features.ipynb"
import io

from IPython.display import Image as Shown
from PIL import Image, ImageDraw, ImageFont

from fashion_tagger.drawing import draw_garment, image_grid

photographed = {('black', 'jeans'), ('black', 'shoes'), ('blue', 'jeans'), ('blue', 'dress'), ('red', 'dress'),
                ('blue', 'shirt'), ('red', 'shirt')}
colours, types, size = ('black', 'blue', 'red'), ('jeans', 'shoes', 'dress', 'shirt'), (96, 112)


def draw_cell(colour, kind):
    "A garment, or a question mark where no photo shows the combination"
    if (colour, kind) in photographed:
        return draw_garment('trainers' if kind == 'shoes' else kind, colour, size=size, seed=5, background='white')
    blank = Image.new('RGB', size[::-1], '#eeeeee')
    ink = 'firebrick' if (colour, kind) == ('black', 'dress') else '#aaaaaa'
    ImageDraw.Draw(blank).text((size[1]/2, size[0]/2), '?', ink, ImageFont.load_default(40), anchor='mm')
    return blank


def at_a_glance():
    cells = [draw_cell(c, t) for c in colours for t in types]
    grid = image_grid(cells, len(types), list(types), list(colours))
    file = io.BytesIO()
    grid.save(file, 'JPEG', quality=88, subsampling=0)
    return Shown(file.getvalue(), format='jpeg')
