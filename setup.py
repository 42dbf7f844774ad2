import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup

here = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(here/"settings.ini", encoding="utf-8")
cfg = config["DEFAULT"]


def lines(text): return [line for line in text.splitlines() if line.strip()]


def long_description():
    "README.md, with absolute addresses of its pictures, so that a package index shows them"
    if not (here/"README.md").exists(): return ""
    pyproject = (here/"pyproject.toml").read_text(encoding="utf-8")
    repository = re.search(r'^Repository = "https://github.com/(.+)"', pyproject, re.M)[1]
    pictures = f"https://raw.githubusercontent.com/{repository}/main/nbs/images/"
    return (here/"README.md").read_text(encoding="utf-8").replace("](nbs/images/", f"]({pictures}")


setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    long_description=long_description(),
    long_description_content_type="text/markdown",
    keywords=cfg["keywords"].split(),
    author=cfg["author"],
    license_expression=cfg["license"],
    python_requires=f">={cfg['min_python']}",
    packages=[cfg["lib_name"]],
    package_data={cfg["lib_name"]: ["templates/*"]},
    install_requires=lines(cfg["requirements"]),
    extras_require={name: lines(text) for name, text in config["extras"].items() if name not in config.defaults()},
    entry_points={
        "console_scripts": lines(cfg["console_scripts"]),
        "nbdev": [f"{cfg['lib_name']}={cfg['lib_name']}._modidx:d"],
    },
)
