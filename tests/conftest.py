import os, shutil, sys
from pathlib import Path

import pytest

root = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(root/".ci"))  # docs.py and licences.py
BROWSERS = "chromium", "chromium-browser", "google-chrome", "chrome"
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)


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


@pytest.fixture(scope="session")
def browser():
    if not CHROMIUM: pytest.skip("no Chromium or Chrome on this machine: pages are not opened in a browser")
    no_playwright = "playwright is not installed: pages are not opened in a browser"
    api = pytest.importorskip("playwright.sync_api", reason=no_playwright)
    with api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
