"""You have photos of clothes and a table that says what they show: a type, a colour, a season, any number of tags. fashion_tagger trains one model that answers all of it, tells you how far to trust it, and writes it as a folder that tags new photos without the training code.

Modules:

- `fashion_tagger.active_learning`: What to label next: the photos whose labels would teach a tagger most
- `fashion_tagger.annotations`: Exports of annotation tools and of public detection sets: CelebA, Open Images, COCO, Fashionpedia, Label Studio
- `fashion_tagger.audit`: Find what is wrong with a table of labelled photos before you train
- `fashion_tagger.batching`: Photos that come one by one, from many threads, run as batches
- `fashion_tagger.browser_page`: A bundle as a page that tags photos in the browser, without a server
- `fashion_tagger.bulk`: Tag any number of photos into a table, in constant memory, and resume interrupted runs
- `fashion_tagger.bundle_commands`: The subcommands `next` and `push`
- `fashion_tagger.cache`: Decode each photo once: pixels at the network's size, in a memory-mapped file
- `fashion_tagger.calibration`: Thresholds and temperatures, chosen on photos that were not trained on
- `fashion_tagger.cells`: What the cells of a table say: missing words, numbers, tags and what separates them, columns of 0 and 1
- `fashion_tagger.classes`: Precision, recall and F1 of every value and tag, and how classes relate
- `fashion_tagger.cli`: The `fashion-tagger` command: audit, train, evaluate, report, tag, next, teach, values, push, similar, outfits, wardrobe, serve, export, cache, demo
- `fashion_tagger.cluster`: Tag photos on several machines with Ray Data
- `fashion_tagger.colours`: Name the colours of a garment, and say whether two garments go together by the rules of the colour wheel
- `fashion_tagger.commands`: What the command does besides training: photos, tables, rows on the terminal, the demo
- `fashion_tagger.confusion`: Confusion matrices, and the classes that are confused most
- `fashion_tagger.cpu_training`: Train the whole network on a processor: in bf16, with memory that is kept
- `fashion_tagger.curves`: Losses and metrics, epoch by epoch
- `fashion_tagger.data`: From a table of labelled photos, or from a `DataBlock` of your own, to DataLoaders with several targets
- `fashion_tagger.deployed`: One module from pixels to probabilities and features, for PyTorch, ONNX and torch.export
- `fashion_tagger.distributed`: Train in several processes, on one machine or on many, with fastai's `distrib_ctx`
- `fashion_tagger.drawing`: Pictures of drawn garments: colours, patterns, backgrounds and light
- `fashion_tagger.duplicates`: Find photos that are the same, by their bytes or by how they look
- `fashion_tagger.embedding`: Frozen features: the fastest engine runs photos through the body once, and the heads train on the result
- `fashion_tagger.engines`: Run a network over many photos with PyTorch, ONNX Runtime or OpenVINO, while threads decode the next ones
- `fashion_tagger.examples`: Features and labels of validation photos that a bundle keeps, to learn new words against, and to measure what old ones lose
- `fashion_tagger.export`: Export any fastai learner to a bundle that runs without fastai, and check it against the learner
- `fashion_tagger.features`: Which attributes are correlated in the labels, and the features that each should use to avoid shortcut learning
- `fashion_tagger.formats`: Published data sets of clothes, faces and satellite photos, each read as it was published
- `fashion_tagger.garments`: The shapes of fifteen types of clothes, as line drawings without size, colour or place
- `fashion_tagger.grad_cam`: Grad-CAM: which parts of a photo speak for an answer
- `fashion_tagger.hierarchy`: Types within categories: found in a table, and probabilities that agree
- `fashion_tagger.hub`: Share a bundle on the Hugging Face Hub, and load one from there
- `fashion_tagger.hub_files`: Files of a repository of the Hugging Face Hub, downloaded by an address such as `hf://user/repo`
- `fashion_tagger.imprinting`: Teach a head a word from a few photos: a row of its last layer, and how strongly it competes
- `fashion_tagger.inference`: Load a bundle and tag photos, without fastai
- `fashion_tagger.interpret`: Scores, top losses and wrong answers, for any mixture of attributes and tag sets
- `fashion_tagger.label_errors`: Labels that are probably wrong, found by models that never saw them, and what to do about each
- `fashion_tagger.layouts`: Drawn clothes on disk, in the layout of each published data set
- `fashion_tagger.learner`: fastai's `Learner` for several targets, with frozen epochs that cost next to nothing
- `fashion_tagger.looks`: Which photos look alike: a map from features to vectors that can be compared, learned from features that are there already
- `fashion_tagger.losses`: Cross entropy for attributes and binary cross entropy for tags, added up, with missing labels left out
- `fashion_tagger.metrics`: Scores of attributes and tag sets over a whole data set, ignoring missing labels
- `fashion_tagger.models`: Networks that tag photos, in plain PyTorch: a backbone that shows every stage, a colour histogram, a head per target
- `fashion_tagger.onnx`: Writing a network as ONNX, with padding folded into its convolutions
- `fashion_tagger.outfit_model`: A small network that learns from outfits which clothes go together, from their photos
- `fashion_tagger.outfits`: Outfits as lists of items: reading them, the two tasks by which the field judges outfit models, and the baselines to beat
- `fashion_tagger.pages`: A report or an audit as one HTML file, with its pictures and figures inside
- `fashion_tagger.photo_names`: The files that a table means, photos that are missing, and photos in several rows
- `fashion_tagger.photos`: Open any photo upright and in RGB, resize it to the size that the network sees, and find photos in folders
- `fashion_tagger.product_tags`: Tag products that have several photos each: a row per product
- `fashion_tagger.products`: One answer for several photos of a product
- `fashion_tagger.recipes`: Train a bundle from a table in one call, or the best bundle that a time budget allows
- `fashion_tagger.reliability`: Calibration plots and selective prediction
- `fashion_tagger.report`: How good a tagger is, where it is wrong, which labels may be wrong, and what to fix first
- `fashion_tagger.samples`: A labelled wardrobe of drawn garments, for tests, demos and questions that photos cannot answer
- `fashion_tagger.schema`: What a tagger predicts: attributes and tag sets, how labels become numbers, and how numbers become answers
- `fashion_tagger.serve_commands`: The subcommand `serve`, and the server that it runs
- `fashion_tagger.service`: A tagger over HTTP: requests, limits, metrics, the token
- `fashion_tagger.service_page`: The page of a served tagger, and its description for programs
- `fashion_tagger.similar`: Photos that look alike: the nearest ones in a folder, in any colour if you like
- `fashion_tagger.sources`: Labels from folder names and tables, read into one table with a column per target
- `fashion_tagger.splits`: Training, validation and test rows: a stratified split, a column of the table, or the split of published tutorials
- `fashion_tagger.tables`: Any table file as cells of text: CSV, TSV, Excel, Parquet, JSON
- `fashion_tagger.teaching`: Teach a bundle a new word from a few photos, a new attribute from a table, or other words for what it knows
- `fashion_tagger.teaching_commands`: The subcommands `teach` and `values`, and `train --from`
- `fashion_tagger.training`: Train frozen and unfrozen, keep checkpoints, and resume after an interruption
- `fashion_tagger.transforms`: Photos as fastai transforms: opening, size and augmentation
- `fashion_tagger.unlike`: Photos that are unlike anything that a tagger was trained on
- `fashion_tagger.vision_nets`: Describe a `vision_learner` network as JSON, and rebuild it without fastai
- `fashion_tagger.vocabulary`: Words of a tagger added, renamed, merged and dropped, with what it has learned
- `fashion_tagger.wardrobe`: A wardrobe as a graph: what is in it, what is alike, and what to wear together
- `fashion_tagger.wardrobe_commands`: The subcommands `similar`, `outfits` and `wardrobe`"""

import os
import warnings

# OpenMP's threads spin between two small products, which costs other processes the core; it reads this when PyTorch loads.
# libgomp spins a little: about as long as the gap between two layers takes, where sleeping would cost more
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")

# fastai 2.8 scripts an activation function when it is imported; its users can do nothing about it
warnings.filterwarnings("ignore", message="`torch.jit.script", category=FutureWarning)


def __getattr__(name):
    if name != "__version__": raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version
    return version(__name__)
