import os, shutil, sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

root = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def docs():
    "The module that builds the site"
    spec = spec_from_file_location("docs", root/".ci/docs.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def site(docs):
    "The site, built with smalldocs, or with Quarto where it is installed"
    if not shutil.which("quarto") and sys.version_info < (3, 11): pytest.skip("the site needs Quarto, or Python 3.11 for smalldocs")
    os.chdir(root)
    docs.build()
    return docs.site
