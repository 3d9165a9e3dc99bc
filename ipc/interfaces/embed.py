#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a C file that holds interface definitions as strings: embed.py OUTPUT INPUT..."""
import sys
from pathlib import Path


def quote(line):
    """One line of text as a C string literal."""
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}" for byte in line.encode("utf-8")
    )
    return f'    "{escaped}"'


def main():
    parts = ["// Made by ipc/interfaces/embed.py.", '#include "ipc/interfaces.h"']
    for name in sys.argv[2:]:
        path = Path(name)
        symbol = path.stem.replace(".", "_").replace("-", "_").lower()
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        parts.append(f"\nconst char ipc_interface_text_{symbol}[] =\n" + "\n".join(map(quote, lines)) + ";")
    Path(sys.argv[1]).write_text("\n".join(parts) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
