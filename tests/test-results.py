#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests results.py: that nothing which failed, or never ran, is counted as passed."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

RESULTS = Path(__file__).with_name("results.py")
EXPECTED = "# a comment\n\nlint/format: not here\nunit/limits real::*: no controller\n"


def program(result, stdout="", name="corral:unit / unit/limits"):
    """A line of meson's log."""
    return {"name": name, "result": result, "stdout": stdout, "returncode": 0}


class Results(unittest.TestCase):
    """Each test gives a log, and compares the counts, the exit status and what is printed."""

    def check(self, tests, counts, status, *printed):
        """Runs results.py over a log of these tests."""
        with tempfile.TemporaryDirectory() as directory:
            log, skips, out = (Path(directory) / name for name in ("log.json", "skips", "counts"))
            log.write_text("".join(json.dumps(test) + "\n" for test in tests), encoding="utf-8")
            skips.write_text(EXPECTED, encoding="utf-8")
            run = subprocess.run(
                [sys.executable, RESULTS, log, skips, out], capture_output=True, text=True, check=False
            )
            self.assertEqual(out.read_text(encoding="utf-8"), counts + "\n", run.stderr)
        self.assertEqual(run.returncode, status)
        for text in printed:
            self.assertIn(text, run.stdout)

    def test_every_line_of_tap_counts(self):
        self.check([program("OK", "TAP version 13\n1..2\nok - a::b  (0.00s)\nok - a::c  (0.01s)\n")], "2 0 0", 0)

    def test_another_program_counts_as_one(self):
        self.check([program("OK", "ok, all is well\n"), program("OK")], "2 0 0", 0)

    def test_a_failed_line_is_shown(self):
        tap = "1..2\nok 1 - fine\nnot ok 2 - broken\nAssertion failed: why\n"
        self.check([program("FAIL", tap)], "1 1 0", 1, "--- unit/limits: FAIL", "Assertion failed: why")

    def test_a_crash_behind_good_lines_is_a_failure(self):
        for result in ("ERROR", "TIMEOUT", "INTERRUPT", "FAIL"):
            self.check([program(result, "1..2\nok 1 - fine\n")], "1 1 0", 1, result)

    def test_a_program_that_says_nothing_fails(self):
        self.check([program("ERROR")], "0 1 0", 1)

    def test_an_expected_skip_is_none_of_the_others(self):
        tap = "1..2\nok - real::memory  # SKIP no memory controller\nok - real::other\n"
        self.check([program("OK", tap), program("SKIP", name="lint/format")], "1 0 2", 0)

    def test_another_skip_is_a_failure(self):
        tap = "1..1\nok - other::memory  # SKIP for no good reason\n"
        self.check([program("OK", tap)], "0 1 0", 1, "other::memory", "for no good reason")
        self.check([program("SKIP", name="lint/size")], "0 1 0", 1, "lint/size")

    def test_a_failure_cannot_hide_behind_a_skip(self):
        self.check([program("FAIL", "1..1\nnot ok - real::memory # SKIP oh\n")], "0 1 0", 1)

    def test_a_run_without_tests_fails(self):
        self.check([], "0 0 0", 1)


if __name__ == "__main__":
    unittest.main()
