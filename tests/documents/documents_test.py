#!/usr/bin/env python3
"""documents_test.py ROOT: the documents keep their form. Their lines have at most 100 columns, their links lead somewhere,
flags that they name exist, and the figures in README are those of bench/README.md."""

import pathlib
import re
import sys
import unittest

from snippets import documents

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
COLUMNS_MAX = 100
LINK = re.compile(r"(?<!`)\[[^\]\[]*\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)", re.M)
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)


def without_code(text):
    return re.sub(r"`[^`\n]*`", "", FENCED.sub("", text))


def anchors(text):
    """The anchors of a document's headings, as GitHub makes them."""
    for heading in re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.M):
        yield re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


def long_lines(text):
    """(number, line) of those that are too long. A table's row can't be broken, nor a line that is all link or output."""
    console = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            console = line == "```console"
        if len(line) > COLUMNS_MAX and not console and not line.startswith(("|", "![")) and " " in line.strip():
            yield number, line


def broken_links(file, text, read):
    """Links that lead nowhere. `read` returns a file's text, or None."""
    for target in (first or second for first, second in LINK.findall(without_code(text))):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = read((file.parent / path).resolve()) if path else text
        if there is None or (anchor and anchor not in anchors(there)):
            yield target


def read(path):
    if path.is_dir():
        return ""
    if not path.exists():
        return None
    return path.read_text(encoding="utf-8") if path.suffix == ".md" else ""


class Documents(unittest.TestCase):
    def test_lines_have_at_most_100_columns(self):
        found = [f"{file.relative_to(ROOT)}:{number}: {line}" for file in documents(ROOT)
                 for number, line in long_lines(file.read_text(encoding="utf-8"))]
        self.assertEqual(found, [])

    def test_links_lead_to_files_and_headings(self):
        found = [f"{file.relative_to(ROOT)}: {link}" for file in documents(ROOT)
                 for link in broken_links(file, file.read_text(encoding="utf-8"), read)]
        self.assertEqual(found, [])

    def test_each_document_in_docs_is_in_its_index(self):
        index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
        for file in (ROOT / "docs").glob("*.md"):
            if file.name != "README.md":
                self.assertIn(f"({file.name})", index)

    def test_readme_says_on_its_first_two_screens_who_reaches_the_server(self):
        screens = " ".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:80])
        exposure = screens.split("**Exposure.**")[1].split("## ")[0]
        for said in ("default", "`127.0.0.1:8080`", "web pages of other sites", "--tls-cert", "--tokens", "docs/security.md"):
            self.assertIn(said, exposure)

    def test_each_container_is_published_to_this_machine_alone(self):
        found = [f"{file.relative_to(ROOT)}: {line}" for file in documents(ROOT)
                 for line in file.read_text(encoding="utf-8").splitlines()
                 if re.search(r"(docker|podman) run .*(-p|--publish) (?!127\.0\.0\.1:)", line)]
        self.assertEqual(found, [])

    def test_figures_in_readme_are_those_of_the_benchmarks(self):
        """Each row of README's table has a row of the same load in bench/README.md, with each of its figures."""
        section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Performance")[1].split("\n## ")[0]
        measured = (ROOT / "bench/README.md").read_text(encoding="utf-8").splitlines()
        rows = [re.findall(r"`?([\w.]+)`?", line) for line in section.splitlines() if line.startswith("| `")]
        self.assertGreater(len(rows), 0)
        for load, *figures in rows:
            there = " ".join(line for line in measured if line.startswith(f"| `{load}` |"))
            for figure in figures:
                self.assertRegex(there, rf"(?<![\d.]){re.escape(figure)}(?![\d.])", load)


class Rules(unittest.TestCase):
    """The rules themselves find what they are for."""

    def test_a_long_line_is_found_except_in_tables_and_outputs(self):
        long = "word " * 30
        self.assertEqual([number for number, _ in long_lines(f"a\n{long}\n| {long} |\n")], [2])
        self.assertEqual(list(long_lines(f"```console\n{long}\n```")), [])
        self.assertEqual([number for number, _ in long_lines(f"```console\n```\n```sh\n{long}\n```")], [4])

    def test_a_broken_link_is_found(self):
        files = {pathlib.Path("/docs/b.md"): "# The Lock: `x`\n"}
        text = "[a](b.md) [a](b.md#the-lock-x) [a](b.md#none) [a](c.md) [a](#here) `[a](d.md)`\n# Here\n[e]: f.md\n"
        self.assertEqual(list(broken_links(pathlib.Path("/docs/a.md"), text, files.get)), ["b.md#none", "c.md", "f.md"])


if __name__ == "__main__":
    unittest.main()
