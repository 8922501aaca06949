#!/usr/bin/env python3
"""snippets.py ROOT FOLDER: writes each C++ block of the documents into a file of its own in FOLDER, and prints the files'
names. A block must compile as a reader pastes it: nothing is added, and a block cannot use what another one has."""

import pathlib
import re
import sys

BLOCK = re.compile(r"^```cpp\n(.*?)^```$", re.M | re.S)


def documents(root):
    """The documents of the repository, not those of packages or build trees."""
    found = [root / "README.md", *root.glob("*.md"), *root.glob("docs/*.md")]
    for folder in ("server", "client", "bench", "protocol"):
        found += [file for file in (root / folder).rglob("*.md") if "node_modules" not in file.parts]
    return sorted(set(found))


def snippets(root):
    """(document, line of the block's first line, text) of each C++ block."""
    for file in documents(root):
        text = file.read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            yield file.relative_to(root), text.count("\n", 0, block.start()) + 2, block[1]


def main(root, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for document, line, text in snippets(root):
        name = re.sub(r"\W+", "_", str(document.with_suffix(""))).lower()
        number = sum(1 for other in snippets(root) if other[0] == document and other[1] < line)
        file = folder / f"{name}_{number}.cpp"
        # An unchanged file is not written, so that nothing is built again.
        code = f"// {document}, line {line}\n{text}"
        if not file.exists() or file.read_text(encoding="utf-8") != code:
            file.write_text(code, encoding="utf-8")
        print(file)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]))
