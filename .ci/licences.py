"""Licences of everything that gets installed with this library, as installed here.

    python .ci/licences.py"""
import re
from collections import defaultdict
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

EXTRAS = "bodies", "parquet", "logs", "onnx", "openvino"
FINE = re.compile(r"apache|\bmit\b|mit-cmu|mit license|bsd|isc|psf|python software|hpnd|mpl|mozilla|zlib|unlicense|cc0|0bsd|boost|historical permission|public domain", re.I)
COPYLEFT = re.compile(r"\b(a?gpl|gnu (affero )?general public)", re.I)
NOT_OPEN = re.compile(r"^(nvidia-|cuda-|triton$)")  # CUDA libraries, which come with PyTorch on Linux under NVIDIA's terms and are not needed on a processor


def requirements():
    config = ConfigParser(delimiters=["="])
    config.read(Path(__file__).resolve().parents[1]/"settings.ini", encoding="utf-8")
    return [Requirement(line) for text in (config["DEFAULT"]["requirements"], *(config["extras"][e] for e in EXTRAS)) for line in text.splitlines() if line.strip()]


def installed():
    "Every distribution that is needed, directly or not"
    todo, seen = requirements(), {}
    while todo:
        need = todo.pop()
        name = re.sub(r"[-_.]+", "-", need.name).lower()
        if name in seen or need.marker and not any(need.marker.evaluate(dict(extra=e)) for e in ("", *need.extras)): continue
        try: seen[name] = distribution(need.name)
        except PackageNotFoundError: continue
        for text in seen[name].requires or []:
            inner = Requirement(text)
            if inner.marker is None or any(inner.marker.evaluate(dict(extra=e)) for e in ("", *need.extras)): todo.append(inner)
    return seen


def licence(dist):
    meta = dist.metadata
    classifiers = [c.split("::")[-1].strip() for c in meta.get_all("Classifier") or [] if c.startswith("License ::")]
    words = meta.get("License-Expression") or ", ".join(c for c in classifiers if c != "OSI Approved") or (meta.get("License") or "").splitlines()[:1]
    words = words if isinstance(words, str) else "".join(words)
    if words and words != "UNKNOWN": return words
    text = next((f.read_text()[:300] for f in dist.files or [] if re.search(r"licen[cs]e|copying", f.name, re.I) and f.suffix in ("", ".txt", ".md")), "")
    return " ".join(text.split()).partition(" Copyright")[0][:60]


def by_licence():
    "Names and versions by licence, the licence of most of them first"
    groups = defaultdict(list)
    for name, dist in sorted(installed().items()): groups[licence(dist) or "not said"].append(f"{name} {dist.version}")
    return dict(sorted(groups.items(), key=lambda g: -len(g[1])))


if __name__ == "__main__":
    for text, names in by_licence().items(): print(f"{text}: {', '.join(names)}")
