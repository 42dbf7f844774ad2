"""Train a tagger on photos of clothes with labels of any common shape, score it, and tag new photos with it.

Modules:

- `fashion_tagger.audit`: What is wrong with a table of labelled photos, found before training
- `fashion_tagger.bulk`: Tagging any number of photos into a table, in constant memory, and resuming where an interrupted run ended
- `fashion_tagger.cache`: Decode each photo once: pixels at the network's size, in a file that is mapped into memory
- `fashion_tagger.calibration`: Thresholds and temperatures, chosen on photos that were not trained on
- `fashion_tagger.classes`: Precision, recall and F1 of every value and tag, and how classes relate
- `fashion_tagger.cli`: The `fashion-tagger` command: audit, train, evaluate, report, tag, cache, demo
- `fashion_tagger.commands`: What the command does beside training: photos, tables, rows on the terminal, the demo
- `fashion_tagger.confusion`: Which labels are taken for which
- `fashion_tagger.curves`: Losses and metrics, epoch by epoch
- `fashion_tagger.deployed`: A network as it is deployed: from the pixels of a photo to probabilities and features
- `fashion_tagger.drawing`: Pictures of drawn garments: colours, patterns, backgrounds and light
- `fashion_tagger.duplicates`: Photos that are the same, found by their bytes and by their looks
- `fashion_tagger.engines`: Run a network over many photos with PyTorch, ONNX Runtime or OpenVINO, while threads decode the next ones
- `fashion_tagger.features`: Which attributes are correlated in the labels, and the features that each should use to avoid shortcut learning
- `fashion_tagger.formats`: Published data sets of clothes, faces and satellite photos, each read as it was published
- `fashion_tagger.garments`: The shapes of fifteen types of clothes, as line drawings without size, colour or place
- `fashion_tagger.inference`: A bundle, read and run: from photos to attributes and tags, without fastai
- `fashion_tagger.interpret`: Where a tagger is wrong, and how sure it was: for any mixture of attributes and tag sets
- `fashion_tagger.label_errors`: Labels that are probably wrong, found by models that never saw them, and what to do about each
- `fashion_tagger.layouts`: Drawn clothes on disk, laid out as each published data set is
- `fashion_tagger.losses`: Cross entropy for attributes and binary cross entropy for tags, added up, with missing labels left out
- `fashion_tagger.metrics`: Scores of attributes and tag sets, counted over the data set, without the missing labels
- `fashion_tagger.models`: Networks that tag photos, in plain PyTorch: a backbone that shows every stage, a colour histogram, a head per target
- `fashion_tagger.onnx`: Writing a network as ONNX, with padding folded into its convolutions
- `fashion_tagger.pages`: A report or an audit as one HTML file, with its pictures and figures inside
- `fashion_tagger.photos`: Open a photo of any kind upright and in RGB, bring it to the size that the network sees, and find photos in folders
- `fashion_tagger.recipes`: From a table to a bundle in one call, and the best bundle that a time budget allows
- `fashion_tagger.reliability`: Calibration plots and selective prediction
- `fashion_tagger.report`: How good a tagger is, where it is wrong, which labels are, and what to fix first
- `fashion_tagger.samples`: A labelled wardrobe of drawn garments, for tests, demos and questions that photos cannot answer
- `fashion_tagger.schema`: What a tagger predicts: attributes and tag sets, how labels become numbers, and how numbers become answers
- `fashion_tagger.sources`: Labels from folder names and CSV files, read into one table with a column per target
- `fashion_tagger.splits`: Training, validation and test rows: drawn evenly, read from a column, or cut as in a tutorial
- `fashion_tagger.training`: Train frozen and unfrozen, keep checkpoints, and resume after an interruption
- `fashion_tagger.transforms`: Photos as fastai transforms: opening, size and augmentation
- `fashion_tagger.vision_nets`: The networks of fastai's `vision_learner`, described as JSON and made again without fastai"""

import warnings

# fastai 2.8 scripts an activation function when it is imported; its users can do nothing about it
warnings.filterwarnings("ignore", message="`torch.jit.script", category=FutureWarning)


def __getattr__(name):
    if name != "__version__": raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version
    return version(__name__)
