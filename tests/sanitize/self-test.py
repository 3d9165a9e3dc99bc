#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shows that the wrapper fails a run for every kind of fault, and for none when there is none: self-test.py WRAPPER
FAULTY. Prints TAP."""
import subprocess
import sys

# The test of faulty.c, and what the report must name; None for no report.
FAULTS = (
    ("none", None),
    ("leak", "LeakSanitizer: detected memory leaks"),
    ("overflow", "heap-buffer-overflow"),
    ("use_after_free", "heap-use-after-free"),
    ("signed_overflow", "signed integer overflow"),
    ("in_a_child", "attempting double-free"),
)


def check(command, fault, expected):
    """Returns what is wrong with the wrapper's answer to one fault, None when nothing is."""
    run = subprocess.run(
        [*command, "--jobs=1", f"--filter=faulty/{fault}"], capture_output=True, text=True, timeout=60, check=False
    )
    output = run.stdout + run.stderr
    if "Tested: 1" not in output and expected is None:
        return f"the test did not run:\n{output}"
    if expected is None:
        return f"failed without a fault:\n{output}" if run.returncode != 0 else None
    if run.returncode == 0:
        return f"passed:\n{output}"
    return None if expected in output else f"failed without showing {expected}:\n{output}"


def main():
    command = sys.argv[1:3]
    wrong = 0
    print(f"1..{len(FAULTS)}")
    for number, (fault, expected) in enumerate(FAULTS, 1):
        complaint = check(command, fault, expected)
        print(f"{'not ok' if complaint else 'ok'} {number} - {fault}", flush=True)
        if complaint:
            wrong += 1
            print("\n".join("# " + line for line in complaint.splitlines()), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
