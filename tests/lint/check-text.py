#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small rules that hold for every file: check-text.py ROOT.

UTF-8, no trailing blanks, no tabs, a final newline, at most 120 columns, names in kebab-case, and for sources the line
that tells the license.
"""
import re
import sys
from pathlib import Path

import sources

COLUMNS = 120
LICENSED = (".c", ".h", ".py")
LICENSE = "SPDX-License-Identifier: LGPL-2.1-or-later"
KEBAB = re.compile(r"[a-z0-9][a-z0-9.@-]*")
# What has lines that cannot be wrapped: tables, links, types, directives.
UNBOUND = re.compile(r"\.(md|json|varlink|service|socket|conf)$")


def check_file(root, path):
    """Yields (line, what is wrong)."""
    try:
        text = (root / path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        yield 1, str(error)
        return
    lines = text.split("\n")
    if text and lines[-1] != "":
        yield len(lines), "no newline at the end"
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield number, "blanks at the end"
        if "\t" in line and path.name != "rules":  # a makefile
            yield number, "a tab"
        if len(line) > COLUMNS and not UNBOUND.search(str(path)):
            yield number, f"{len(line)} columns"
    source = path.suffix in LICENSED or path.name == "meson.build" or text.startswith("#!")
    if source and not any(LICENSE in line for line in lines[:3]):
        yield 1, "does not tell its license (SPDX) in the first lines"
    if path.suffix in (".c", ".h") and not KEBAB.fullmatch(path.name):
        yield 1, "the file name is not kebab-case"


def main():
    root = Path(sys.argv[1])
    files = list(sources.all_files(root))
    wrong = 0
    for path in files:
        for number, text in check_file(root, path):
            print(f"{path}:{number}: {text}")
            wrong += 1
    print(f"{len(files)} files, {wrong} wrong")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
