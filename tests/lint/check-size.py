#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reports the longest files and functions, and refuses those beyond all measure: check-size.py ROOT."""
import re
import sys
from pathlib import Path

import sources

SHOWN = 8
# Lines: worth a look, worth a question at review, refused.
FILE_LIMITS = (400, 600, 800)
FUNCTION_LIMITS = (60, 80, 100)
NAME = re.compile(r"Test\([^)]*\)|\w+(?=\()")
MARKS = ("", "long", "too long?", "REFUSED")


def functions_of(lines):
    """Yields (name, lines) of each function, relying on the layout that clang-format makes."""
    start = None
    for number, line in enumerate(lines):
        if line == "}" and start is not None:
            yield NAME.search(lines[start])[0], number - start + 1
            start = None
        elif line[:1].isalpha() or line[:1] == "_":
            opening = next((later for later in lines[number:] if later.endswith(("{", ";"))), "")
            start = number if opening.endswith(") {") and NAME.search(line) else None


def grade(length, limits):
    """0 for fine up to 3 for refused."""
    return sum(length > limit for limit in limits)


def report(title, sizes, limits):
    """Prints the greatest of (length, where) and returns whether one is refused."""
    sizes.sort(reverse=True)
    print(f"{title}: {len(sizes)}, {sum(length > limits[0] for length, _ in sizes)} over {limits[0]} lines")
    for length, where in sizes[:SHOWN]:
        print(f"  {length:5}  {where}  {MARKS[grade(length, limits)]}".rstrip())
    return any(grade(length, limits) == 3 for length, _ in sizes)


def main():
    root = Path(sys.argv[1])
    files, functions = [], []
    for path in sources.c_files(root):
        lines = (root / path).read_text(encoding="utf-8").splitlines()
        files.append((len(lines), str(path)))
        if path.suffix == ".c":
            functions += [(length, f"{path}: {name}") for name, length in functions_of(lines)]
    refused = [report("files", files, FILE_LIMITS), report("functions", functions, FUNCTION_LIMITS)]
    return 1 if any(refused) or not functions else 0


if __name__ == "__main__":
    sys.exit(main())
