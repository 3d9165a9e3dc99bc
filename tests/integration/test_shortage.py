#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Descriptors, and room in the runtime directory, run out and come back: what runs is not lost, what is to be started
waits, nothing is left behind, and afterwards everything is as before."""

import errno
import os
import resource

from corral_test import kill, pick, run, test, wait_until

FEW_NAMES = 'size=1m,nr_inodes=64'


def take_names(agent):
    """No file can be made in the runtime directory any more. Returns what takes the room."""
    fillers = []
    try:
        while True:
            path = f'{agent.runtime_dir}/filler-{len(fillers)}'
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            fillers.append(path)
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
        return fillers


def give_names(fillers):
    for path in fillers:
        os.unlink(path)


def limit(process, soft=None):
    """Sets how many descriptors a process may have; as many as it can when None."""
    hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft or hard, hard))


@test(own_launcher=False, runtime_options=FEW_NAMES)
def no_room_for_a_claim(agent):
    """Without a claim there is no reaper, whose death nobody would hear of."""
    fillers = take_names(agent)
    job = agent.submit('exit 3')
    wait_until(lambda: 'Messages wait' in agent.log() or agent.reapers(), 'the launcher has tried')
    for reaper in agent.reapers():
        kill(reaper)
    give_names(fillers)
    agent.wait_over(job)
    assert pick(agent.task(job), 'exitCode', 'attempt') == (3, 1), agent.task(job)
    agent.assert_nothing_left()


run()
