#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts what a run of `meson test` did: results.py TESTLOG.json EXPECTED-SKIPS COUNTS.

Every line of a TAP program counts, every other program as one test. Prints the end of what failing tests printed, and
the skips that EXPECTED-SKIPS does not list: these count as failed. Writes "passed failed skipped" to COUNTS; exits 1
when something failed or when nothing ran at all.
"""
import fnmatch
import json
import re
import sys
from pathlib import Path

SHOWN = 120  # lines of a failing test
TAP_PLAN = re.compile(r"1\.\.\d+", re.M)
TAP_LINE = re.compile(r"(not )?ok\b\s*\d*\s*-?\s*([^#]*?)\s*(?:\([\d.]+s\))?\s*(#\s*skip\S*\s*(.*))?", re.I)
SKIP_LINE = re.compile(r"(\S+)(?:\s+(\S+))?:\s+(.+)")


def read_expected_skips(path):
    """The patterns (test, subtest) of a file of lines "TEST [SUBTEST]: REASON"."""
    patterns = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if line and not line.startswith("#"):
            match = SKIP_LINE.fullmatch(line)
            if not match:
                sys.exit(f"{path}:{number}: not of the form TEST [SUBTEST]: REASON")
            patterns.append((match[1], match[2] or "*"))
    return patterns


def subtests_of(stdout):
    """Yields (name, outcome, reason) of each TAP line; outcome is "passed", "failed" or "skipped"."""
    if TAP_PLAN.search(stdout):
        for match in map(TAP_LINE.fullmatch, stdout.splitlines()):
            if match:
                failed, name, skip, reason = match.groups()
                yield name, "failed" if failed else "skipped" if skip else "passed", reason


def outcomes_of(test):
    """The (subtest, outcome, reason) triples of one test of meson's log; at least one."""
    outcomes = list(subtests_of(test.get("stdout") or ""))
    if test["result"] == "SKIP":
        return outcomes or [("", "skipped", None)]
    if test["result"] not in ("OK", "EXPECTEDFAIL") and all(outcome != "failed" for _, outcome, _ in outcomes):
        # A crash, a time-out or a sanitizer's report is a failure although every line says ok.
        return outcomes + [("", "failed", None)]
    return outcomes or [("", "passed", None)]


def show(name, test):
    """Prints the end of what a failing test printed."""
    text = (test.get("stdout") or "") + (test.get("stderr") or "")
    lines = text.rstrip().splitlines()
    print(f"--- {name}: {test['result']}, exit status {test.get('returncode')}")
    if len(lines) > SHOWN:
        print(f"({len(lines) - SHOWN} lines before)")
    print("\n".join(lines[-SHOWN:]))


def main():
    log, skips_path, counts_path = sys.argv[1:]
    expected = read_expected_skips(skips_path)
    counts = {"passed": 0, "failed": 0, "skipped": 0}

    with open(log, encoding="utf-8") as file:
        tests = [json.loads(line) for line in file]
    for test in tests:
        name = test["name"].split(" / ")[-1]
        outcomes = outcomes_of(test)
        if any(outcome == "failed" for _, outcome, _ in outcomes):
            show(name, test)
        for subtest, outcome, reason in outcomes:
            if outcome == "skipped" and not any(
                fnmatch.fnmatchcase(name, pattern) and fnmatch.fnmatchcase(subtest, subpattern)
                for pattern, subpattern in expected
            ):
                print(f"--- {name} {subtest}: skipped ({reason}), which {skips_path} does not expect")
                outcome = "failed"
            counts[outcome] += 1
    Path(counts_path).write_text("{passed} {failed} {skipped}\n".format(**counts), encoding="utf-8")
    return 1 if counts["failed"] or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
