#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plays the stories of one level and one release: play.py [--all] container|vm 12|13 [STORY...]. Prints TAP.

CORRAL_SYSTEM_DIR names a directory with what prepare.py has made; without, everything is made, and removed at the end.
CORRAL_PACKAGES names a directory with ready packages in RELEASE/*.deb. CORRAL_TESTS_ALL is another way to say --all.
"""

import argparse
import os
import sys
import time
import traceback
from pathlib import Path

import story
from channel import Failed, Gone
from container import Container
from images import RELEASES, explain
from trees import Tree
from vm import Vm
from workspace import Workspace, on_termination

STORIES = Path(__file__).parent / 'stories'
MACHINES = {'container': Container, 'vm': Vm}
SHOWN = 40  # lines of what was printed


class Mismatch(AssertionError):
    """A step of a story went another way."""


def describe(step, result, why):
    """What a reader needs to know of a step that failed."""
    printed = (result.stdout + result.stderr).decode(errors='replace').splitlines()
    expected = [*step.expected, f'[{"not " * step.status_is_not}{step.status}]']
    got = [*printed[-SHOWN:], f'[{result.status}]']
    return '\n'.join([f'line {step.line}: {step.prose}', f'{step.user}: {step.command}', why, 'expected:',
                      *('    ' + line for line in expected), 'got:', *('    ' + line for line in got)])


def play_step(machine, step, variables):
    """Runs the command of a step until it fits; returns the variables with those it has set."""
    end = time.monotonic() + machine.patience
    pause = 0.05
    while True:
        # As on a terminal, both outputs come in their order.
        result = machine.run(f'exec 2>&1\n{step.command}', step.user, check=False, **variables)
        found = story.match_output(step.expected, result.text, variables)
        if found is not None and step.status_fits(result.status):
            return found
        if not step.eventually:
            raise Mismatch(describe(step, result, 'went another way'))
        if time.monotonic() > end:
            raise Mismatch(describe(step, result, f'did not come within {machine.patience} s'))
        time.sleep(pause)
        pause = min(pause * 1.5, 1)


def play_steps(machine, steps):
    """Plays a story in text."""
    variables = {}
    for step in steps:
        try:
            if step.is_act:
                getattr(machine, step.command.replace(' ', '_'))()
            else:
                variables = play_step(machine, step, variables)
        except (Failed, Gone) as error:
            raise Mismatch(f'line {step.line}: {step.prose}\n{step.user}: {step.command}\n{error}') from None


def play(machine, one):
    """Plays a story on a machine that is off; returns what went wrong, or None."""
    try:
        machine.boot()
        if one.play:
            one.play(machine)
        else:
            play_steps(machine, one.steps)
        return None
    except Mismatch as error:
        trouble = str(error)
    except Exception:  # pylint: disable=broad-except
        trouble = traceback.format_exc()
    return f'{trouble}\njournal:\n{machine.journal()}'


def choose(arguments):
    """The stories to play, each with the place that fits."""
    stories = story.load_all(STORIES)
    unknown = set(arguments.stories) - {one.name for one in stories}
    if unknown:
        sys.exit(f'no such story: {", ".join(sorted(unknown))}')
    placed = [(one, one.place(arguments.level, arguments.release)) for one in stories]
    return [(one, place) for one, place in placed if place and (
        one.name in arguments.stories if arguments.stories else arguments.all or not place.long)]


def run(arguments, workspace, tree):
    """Plays all that is chosen; whether everything went well."""
    chosen = choose(arguments)
    print(f'1..{len(chosen)}' if chosen else '1..0 # SKIP all stories are long', flush=True)
    failed = 0
    for number, (one, place) in enumerate(chosen, 1):
        start = time.monotonic()
        try:
            machine = MACHINES[arguments.level](workspace, tree, not place.bare, place.parallel)
            trouble = play(machine, one)
            machine.destroy()
        except Exception as error:  # pylint: disable=broad-except
            trouble = f'{traceback.format_exc()}\n{explain(error)}'
        for line in (trouble or '').splitlines():
            print('#', line)
        failed += bool(trouble)
        print(f'{"not ok" if trouble else "ok"} {number} - {one.name} ({time.monotonic() - start:.1f}s)', flush=True)
    return not failed


def main():
    parser = argparse.ArgumentParser(description='Plays the stories of one level and one release of Debian.')
    parser.add_argument('--all', action='store_true', default=bool(os.environ.get('CORRAL_TESTS_ALL')),
                        help='those that are marked as long, too')
    parser.add_argument('level', choices=MACHINES)
    parser.add_argument('release', choices=RELEASES)
    parser.add_argument('stories', nargs='*', metavar='STORY')
    arguments = parser.parse_args()
    if arguments.all:
        os.environ['CORRAL_TESTS_ALL'] = 'yes'  # stories ask for it, too

    if os.geteuid() != 0:
        print('1..0 # SKIP needs root')
        return 0
    on_termination()
    with Workspace() as workspace:
        directory = os.environ.get('CORRAL_SYSTEM_DIR') or workspace.path / 'trees'
        return 0 if run(arguments, workspace, Tree(workspace, RELEASES[arguments.release], directory)) else 1


if __name__ == '__main__':
    sys.exit(main())
