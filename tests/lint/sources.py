# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files of the source tree, for the checks beside this one."""
import os
from pathlib import Path

C_SUFFIXES = (".c", ".h")
# Binary or verbatim: nothing in them is ours to format.
VERBATIM = ("LICENSE", "tests/fuzz/corpus/")


def all_files(root):
    """Yields every text file of ours below root as a path relative to it, sorted. Needs no git: works in a tarball."""
    for directory, subdirectories, names in os.walk(root):
        relative = Path(directory).relative_to(root)
        subdirectories[:] = sorted(
            name
            for name in subdirectories
            if name not in (".git", "__pycache__") and not (relative == Path(".") and name.startswith("build"))
        )
        for name in sorted(names):
            path = relative / name
            if not str(path).startswith(VERBATIM) and not (root / path).is_symlink():
                yield path


def c_files(root):
    """The C sources and headers."""
    return [path for path in all_files(root) if path.suffix in C_SUFFIXES]


def shell_files(root):
    """The shell scripts, known by their first line, and the bash completions, which have none."""
    found = []
    for path in all_files(root):
        with open(root / path, "rb") as file:
            first = file.readline(128)
        if first.startswith(b"#!") and first.split(b"/")[-1].split()[-1] in (b"sh", b"bash"):
            found.append(path)
        elif "completion" in str(path.parent):
            found.append(path)
    return found


def manual_pages(root):
    """The manual pages."""
    return [path for path in all_files(root) if path.parts[:2] == ("docs", "man") and path.suffix[1:].isdigit()]
