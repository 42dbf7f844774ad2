"""The licences of everything that gets installed with this library, as installed here.

    python .ci/licences.py"""
import re
from collections import defaultdict
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

EXTRAS = "bodies", "parquet", "logs", "onnx", "openvino"
FINE = re.compile(r"apache|\bmit\b|mit-cmu|mit license|bsd|isc|psf|python software|hpnd|mpl|mozilla|zlib|unlicense"
                  r"|cc0|0bsd|boost|historical permission|public domain", re.I)
COPYLEFT = re.compile(r"\b(a?gpl|gnu (affero )?general public)", re.I)
NOT_OPEN = re.compile(r"^(nvidia-|cuda-|triton$)")  # CUDA, which PyTorch brings on Linux and a CPU does not need


def requirements():
    config = ConfigParser(delimiters=["="])
    config.read(Path(__file__).resolve().parents[1]/"settings.ini", encoding="utf-8")
    texts = [config["DEFAULT"]["requirements"], *(config["extras"][e] for e in EXTRAS)]
    lines = [line for text in texts for line in text.splitlines()]
    return [Requirement(line) for line in lines if line.strip()]


def applies(requirement, extras):
    "Whether a requirement's marker holds here, with any of these extras or with none"
    if requirement.marker is None: return True
    return any(requirement.marker.evaluate(dict(extra=e)) for e in ("", *extras))


def installed():
    "Every distribution that is needed, directly or indirectly"
    todo, seen = requirements(), {}
    while todo:
        need = todo.pop()
        name = re.sub(r"[-_.]+", "-", need.name).lower()
        if name in seen or not applies(need, need.extras): continue
        try: seen[name] = distribution(need.name)
        except PackageNotFoundError: continue
        inner = [Requirement(text) for text in seen[name].requires or []]
        todo += [r for r in inner if applies(r, need.extras)]
    return seen


def is_licence_file(file):
    return re.search(r"licen[cs]e|copying", file.name, re.I) and file.suffix in ("", ".txt", ".md")


def licence(dist):
    "A distribution's licence by its metadata, or else the first words of its licence file"
    meta = dist.metadata
    classifiers = [c.split("::")[-1].strip() for c in meta.get_all("Classifier") or [] if c.startswith("License ::")]
    first_line = "".join((meta.get("License") or "").splitlines()[:1])
    words = meta.get("License-Expression") or ", ".join(c for c in classifiers if c != "OSI Approved") or first_line
    if words and words != "UNKNOWN": return words
    text = next((f.read_text()[:300] for f in dist.files or [] if is_licence_file(f)), "")
    return " ".join(text.split()).partition(" Copyright")[0][:60]


def by_licence():
    "Names and versions of packages by licence, the most frequent licence first"
    groups = defaultdict(list)
    for name, dist in sorted(installed().items()):
        groups[licence(dist) or "not stated"].append(f"{name} {dist.version}")
    return dict(sorted(groups.items(), key=lambda g: -len(g[1])))


if __name__ == "__main__":
    for text, names in by_licence().items(): print(f"{text}: {', '.join(names)}")
