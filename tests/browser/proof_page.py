"""The page of `portcullis ledger prove --html` in Chromium, opened from disk without any server.

usage: proof_page.py FOLDER [--screenshots FOLDER]

FOLDER has page.html and cases.json: what is entered, and which words must then stand on the page. Exits with 77 and says
NOT RUN where there is no Playwright or no Chromium.
"""

import argparse
import json
import pathlib
import shutil
import sys

NO_BROWSER = 77
FIELDS = ("log", "decision", "witnesses", "threshold", "proof")


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--screenshots", type=pathlib.Path)
    arguments = arguments.parse_args()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return not_run("Python has no Playwright (pip install playwright)")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        return not_run("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        # Root, as in a container, has no sandbox of Chromium.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        check(browser, arguments.folder)
        if arguments.screenshots is not None:
            photograph(browser, arguments.folder, arguments.screenshots)
        browser.close()
    return 0


def not_run(why: str) -> int:
    print(f"NOT RUN: the page with a proof in a browser: {why}")
    return NO_BROWSER


class Page:
    """The page, with everything that it asked for and complained of."""

    def __init__(self, browser, folder: pathlib.Path, **settings) -> None:
        self.address = (folder / "page.html").resolve().as_uri()
        self.page = browser.new_page(**settings)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(self.address)
        self.page.wait_for_function("document.getElementById('verdict').textContent.includes('Enter the log’s key')")
        self.own_proof = self.page.input_value("#proof")

    def enter(self, values: dict[str, str]) -> None:
        self.page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
        defaults = {"threshold": "0", "proof": self.own_proof}
        for field in FIELDS:
            self.page.fill(f"#{field}", values.get(field, defaults.get(field, "")))

    def wait_for(self, words: list[str]) -> None:
        try:
            self.page.wait_for_function(
                "words => words.every((word) => document.querySelector('main').innerText.includes(word))", arg=words, timeout=10_000
            )
        except Exception:
            print(self.page.inner_text("main"), file=sys.stderr)
            raise AssertionError(f"the page does not say {words}") from None

    def check_quiet(self) -> None:
        assert not self.complaints, self.complaints
        assert self.requests == [self.address], f"the page asked for something: {self.requests}"


def check(browser, folder: pathlib.Path) -> None:
    cases = json.loads((folder / "cases.json").read_text())
    page = Page(browser, folder)
    for case in cases:
        page.enter(case["enter"])
        page.wait_for(case["shows"])
        is_good = "✓Proved" in case["shows"]
        shown = page.page.inner_text("#details").strip() != ""
        assert shown == is_good, f"details are shown only of what is proved: {case}"
        page.check_quiet()
    check_narrow(browser, folder, cases[1])
    check_by_keyboard(browser, folder, cases[1])
    # A browser that comes back must not remember the key for the person.
    page.page.reload()
    page.wait_for(["Unverified", "Enter the log’s key"])
    print(f"the page with a proof: {len(cases)} cases in Chromium {browser.version}")


def check_narrow(browser, folder: pathlib.Path, good: dict) -> None:
    for scheme in ("light", "dark"):
        page = Page(browser, folder, viewport={"width": 320, "height": 640}, color_scheme=scheme)
        page.enter(good["enter"])
        page.wait_for(good["shows"])
        wide = page.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320, f"at 320 px the page is {wide} px wide"
        page.check_quiet()


def check_by_keyboard(browser, folder: pathlib.Path, good: dict) -> None:
    page = Page(browser, folder)
    page.page.keyboard.press("Tab")
    assert page.page.evaluate("document.activeElement.id") == "log", "the first stop is the key"
    page.page.keyboard.insert_text(good["enter"]["log"])
    page.wait_for(good["shows"])
    page.check_quiet()


def photograph(browser, folder: pathlib.Path, into: pathlib.Path) -> None:
    cases = json.loads((folder / "cases.json").read_text())
    into.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        for width in (1280, 320):
            for name, case in (("unverified", cases[0]), ("proved", cases[4]), ("refused", cases[3])):
                page = Page(browser, folder, viewport={"width": width, "height": 800}, color_scheme=scheme)
                page.enter(case["enter"])
                page.wait_for(case["shows"])
                page.page.evaluate("for (const details of document.querySelectorAll('details')) details.open = false")
                page.page.screenshot(path=into / f"{name}-{scheme}-{width}.png", full_page=True)
                page.page.close()


if __name__ == "__main__":
    sys.exit(main())
