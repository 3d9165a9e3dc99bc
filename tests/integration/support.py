# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small things that all of the integration tests need."""

import os
import time

# How long to wait for what must come. Not a statement about speed: the machine may be very busy.
PATIENCE = int(os.environ.get('CORRAL_PATIENCE') or 60)


class Skip(Exception):
    """The machine cannot do what the test needs; the text says what."""


def wait_until(condition, what, timeout=PATIENCE):
    """Waits for condition() to be true, returns its value."""
    end = time.monotonic() + timeout
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'not within {timeout} s: {what() if callable(what) else what}')
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def pick(record, *names):
    """The values of some fields."""
    return tuple(record[name] for name in names)
