#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs one checking tool over the files it is for: check-tool.py NAME ROOT."""
import shutil
import subprocess
import sys
from pathlib import Path

import sources

SKIPPED = 77


def cppcheck():
    """The command line of cppcheck. Of other headers it needs the macros alone: the lists, and a format."""
    lists = sorted(Path("/usr/include").glob("**/sys/queue.h"))
    return [
        *("cppcheck", "--quiet", "--language=c", "--std=c11", "--error-exitcode=1", "--inline-suppr", "-j2"),
        *("-I.", "-D_GNU_SOURCE", "-D__x86_64__", '-DJSON_INTEGER_FORMAT="lld"'),
        *(f"--include={path}" for path in lists),
        *("--enable=warning,portability,performance", "--suppressions-list=tests/lint/cppcheck-suppressions"),
    ]


def program_sources(root):
    """The C sources that are not tests."""
    return [path for path in sources.c_files(root) if path.suffix == ".c" and path.parts[0] != "tests"]


# The command and the files it is for. Another version of clang-format lays out the same code in another way, so only
# this one may judge.
CHECKS = {
    "format": (["clang-format-14", "--dry-run", "-Werror"], sources.c_files),
    "spelling": (["codespell", "--ignore-words", "tests/lint/words"], sources.all_files),
    "shell": (["shellcheck", "--external-sources"], sources.shell_files),
    "manual": (["mandoc", "-T", "lint", "-W", "warning"], sources.manual_pages),
    "cppcheck": (cppcheck(), program_sources),
}


def main():
    name, root = sys.argv[1], Path(sys.argv[2])
    command, files_of = CHECKS[name]
    if not shutil.which(command[0]):
        print(f"{command[0]} is not installed")
        return SKIPPED
    files = [str(path) for path in files_of(root)]
    if not files:
        print("there is nothing to check")
        return SKIPPED
    status = subprocess.run(command + files, cwd=root, check=False).returncode
    print(f"{len(files)} files, {command[0]} exited with {status}")
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
