#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes what the stories need, before they are played: prepare.py DIRECTORY LEVEL... . See trees.py and images.py.

Both releases are worked on at the same time. CORRAL_TESTS_ALL is heeded as by play.py.
"""

import os
import sys
import threading
import time
from pathlib import Path

import story
from images import RELEASES, explain
from play import STORIES
from trees import Tree
from vm import make_snapshot
from workspace import Workspace, on_termination


def needs(levels, everything):
    """What the chosen stories need, as (release, level, bare)."""
    for one in story.load_all(STORIES):
        for place in one.places:
            if everything or not place.long:
                yield from ((release, level, place.bare) for release in place.releases for level in place.levels
                            if level in levels)


def prepare(workspace, directory, release, wanted):
    """Makes what is wanted for one release."""
    start = time.monotonic()

    def say(what):
        print(f'debian {release}: {what} after {time.monotonic() - start:.0f} s', flush=True)

    tree = Tree(workspace, RELEASES[release], directory)
    tree.packages()
    say('packages')
    tree.root()
    say('files')
    for level, bare in sorted(wanted):
        if not bare:
            tree.installed()
        if level == 'vm':
            make_snapshot(workspace, tree, not bare)
    say('all')


def main():
    directory, *levels = sys.argv[1:]
    on_termination()
    wanted = set(needs(levels, bool(os.environ.get('CORRAL_TESTS_ALL'))))
    failures = []

    def work(release):
        try:
            mine = {(level, bare) for name, level, bare in wanted if name == release}
            prepare(workspace, Path(directory), release, mine)
        except Exception as error:  # pylint: disable=broad-except
            failures.append(f'debian {release}: {error}\n{explain(error)}')

    with Workspace() as workspace:
        threads = [threading.Thread(target=work, args=(release,), daemon=True)
                   for release in RELEASES if any(name == release for name, _, _ in wanted)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print('\n'.join(failures), end='')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
