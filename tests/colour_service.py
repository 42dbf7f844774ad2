"""A service for tests, in a process of its own: its tagger says which of three colours a photo has most of.

    python tests/colour_service.py '{"limits": {"photos": 4}, "token": null, "delay": 0.1}'

It prints its port. `delay` is the seconds that the network takes for a batch. With `levels`, colours lie within
parts."""
import json, sys, time, warnings

import numpy as np

from fashion_tagger.inference import Tagger
from fashion_tagger.schema import Attribute, Parent, Schema, TagSet
from fashion_tagger.serve_commands import serve
from fashion_tagger.service import Limits, Service
from fashion_tagger.service_page import service_pages

COLOURS = "red", "green", "blue", "</script><script>hit=1</script>", "'\"><img src=x onerror=hit=1>", "grey", "pink"
TAGS = "light", "dark blue", "<b>bold</b>"


class ColourEngine:
    name, precision, depth, bs = "colours", "f32", 1, 8
    def __init__(self, delay=0, levels=False): self.delay, self.levels = delay, levels

    def start(self, pixels):
        time.sleep(self.delay)
        mean = pixels.mean((1, 2), dtype=np.float32)/255 + .01
        colours = np.concatenate([mean, np.full((len(pixels), len(COLOURS) - 3), .02, np.float32)], 1)
        tags = np.stack([mean.mean(1), 1 - mean.mean(1), mean[:, 0]], 1)
        colours /= colours.sum(1, keepdims=True)
        parts = [np.stack([colours[:, :3].sum(1), colours[:, 3:].sum(1)], 1)] if self.levels else []
        return lambda: [colours, tags, *parts, mean]


def colour_tagger(delay=0, levels=False):
    schema = Schema([Attribute("colour", COLOURS), TagSet("tags", TAGS)])
    if levels:
        parent = Parent("part", ("primary",)*3 + ("other",)*(len(COLOURS) - 3))
        schema = Schema([*schema, Attribute("part", ("primary", "other"))], dict(colour=parent))
    settings = dict(schema=schema, size=(32, 24), method="squish", fill="white", thresholds={}, features=dict(mean=3))
    return Tagger(ColourEngine(delay, levels), settings)


def main():
    options = json.loads(sys.argv[1])
    warnings.simplefilter("ignore")
    tagger = colour_tagger(options["delay"], options.get("levels", False))
    limits, token = Limits(**options["limits"]), options["token"]
    service = Service(tagger, limits, token, service_pages(tagger, limits, token))
    serve(service, port=0, started=lambda port: print(port, flush=True))


if __name__ == "__main__": main()
