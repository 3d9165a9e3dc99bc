#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds the direction of includes (docs/architecture.md): check-includes.py ROOT."""
import re
import sys
from pathlib import Path

import sources

# What the files of a folder may include of the project. Nothing may include tests but tests.
MAY_INCLUDE = {
    "base": ("base/",),
    "cgroup": ("base/", "cgroup/"),
    "ipc": ("base/", "ipc/"),
    "agent/launcher": ("base/", "agent/launcher/"),
    "agent": ("base/", "cgroup/", "ipc/", "agent/launcher/protocol.h", "agent/launcher/claim.h", "agent/"),
    "cli": ("base/", "ipc/", "cli/"),
    "tests": ("",),
}
# Of agent/launcher, the agent sees the protocol and the claims alone.
MAY_NOT_INCLUDE = {"agent": re.compile(r"agent/launcher/(?!(protocol|claim)\.h$)")}

# Libraries that hide behind one file or folder, and who may include their headers.
CONFINED = (
    (re.compile(r"jansson\.h"), re.compile(r"ipc/json\.h|tests/.*")),
    (re.compile(r"libcgroup\.h|libcgroup/.*"), re.compile(r"cgroup/.*|tests/.*")),
    (re.compile(r"sqlite3\.h"), re.compile(r"agent/store[^/]*|tests/.*")),
    (re.compile(r"systemd/.*"), re.compile(r"agent/[^/]*|cli/.*|tests/.*")),
    (re.compile(r"criterion/.*"), re.compile(r"tests/.*")),
)
INCLUDE = re.compile(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')


def folder_of(path):
    """The longest folder with rules that path lies in."""
    for folder in sorted(MAY_INCLUDE, key=len, reverse=True):
        if str(path).startswith(folder + "/"):
            return folder
    return None


def check_project_include(path, included):
    """What is wrong with including this file of the project; None when nothing is."""
    folder = folder_of(path)
    if folder is None:
        return "lies in a folder that has no rules in tests/lint/check-includes.py"
    if "/" not in included or included.startswith(("./", "../")):
        return f'includes "{included}", which is not relative to the root'
    if not included.startswith(MAY_INCLUDE[folder]):
        return f'may not include "{included}": {folder} uses {", ".join(MAY_INCLUDE[folder])} alone'
    forbidden = MAY_NOT_INCLUDE.get(folder)
    if forbidden and forbidden.match(included):
        return f'may not include "{included}"'
    return None


def check_file(root, path):
    """Yields (line, what is wrong)."""
    lines = (root / path).read_text(encoding="utf-8").splitlines()
    includes = [(number, match) for number, line in enumerate(lines, 1) if (match := INCLUDE.match(line))]

    for number, match in includes:
        project, system = match.groups()
        if project:
            wrong = check_project_include(path, project)
            if wrong:
                yield number, wrong
        for library, owners in CONFINED:
            if library.fullmatch(project or system) and not owners.fullmatch(str(path)):
                yield number, f"may not include <{project or system}>: it is confined to {owners.pattern}"
    own = path.with_suffix(".h")
    if path.suffix == ".c" and (root / own).exists() and (not includes or includes[0][1].group(1) != str(own)):
        yield 1, f'does not include its own header "{own}" first'
    if path.suffix == ".h" and "#pragma once" not in lines:
        yield 1, "has no #pragma once"


def main():
    root = Path(sys.argv[1])
    files = sources.c_files(root)
    wrong = 0
    for path in files:
        for number, text in check_file(root, path):
            print(f"{path}:{number}: {text}")
            wrong += 1
    print(f"{len(files)} files, {wrong} wrong")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
