import os, shutil, sys
from pathlib import Path

import pytest

root = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(root/".ci"))  # docs.py and licences.py


@pytest.fixture(scope="session")
def docs():
    "The module that builds the site"
    import docs
    return docs


@pytest.fixture(scope="session")
def site(docs):
    "The folder of the site, built with Quarto if it is installed, else with smalldocs"
    if not shutil.which("quarto") and sys.version_info < (3, 11):
        pytest.skip("the site needs Quarto, or Python 3.11 for smalldocs")
    os.chdir(root)
    docs.build()
    return docs.site
