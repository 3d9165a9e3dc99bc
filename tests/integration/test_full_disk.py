#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The disk of the records is full: new work is refused by name, what runs is supervised, and nothing acknowledged is
lost. The state directory is a small tmpfs in a mount namespace of this program."""

import errno
import os
import random
import signal

from corral_test import Refused, expect, kill, pick, run, test, wait_until

SIZE = 8 << 20


def fill(agent):
    """Fills the disk to the last byte."""
    with open(f'{agent.disk}/filler', 'ab', buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC, error


def refuses(agent):
    """Fills until submissions are refused: the agent has some room in reserve."""
    fill(agent)
    try:
        agent.submit('true')
        return False
    except Refused as error:
        assert error.name == 'StoreNotWritable' and error.parameters['reason'], error
        return True


def fill_until_refused(agent):
    wait_until(lambda: refuses(agent), 'submissions are refused')


def look(agent):
    """The status of the agent. What is asked in the very turn that finds the disk full is refused with it: again."""
    def status():
        try:
            return agent.status()
        except Refused as error:
            assert error.name == 'StoreNotWritable', error
            return None
    return wait_until(status, 'the agent tells its status')


def make_room(agent):
    os.unlink(f'{agent.disk}/filler')
    wait_until(lambda: look(agent)['storeWritable'], 'the store can be written again')


@test(disk_size=SIZE)
def submissions_are_refused(agent):
    fill_until_refused(agent)
    assert not look(agent)['storeWritable']
    known = [job['id'] for job in agent.listed('ListJobs', 'job')]
    for method, parameters in (('AddJob', {'job': agent.spec('true')}), ('QueueJob', {'job': agent.spec('true')}),
                               ('AddJobs', {'jobs': [agent.spec('true')]}),
                               ('SetParameter', {'name': 'Slots', 'value': '3'})):
        expect('StoreNotWritable', agent.call, method, **parameters)
    assert [job['id'] for job in agent.listed('ListJobs', 'job')] == known
    make_room(agent)
    assert agent.wait_over(agent.submit('true'))['status'] == 'finished'


@test(disk_size=SIZE)
def what_runs_is_recorded(agent):
    """Ends while the disk is full are not lost: they are recorded once there is room."""
    agent.set(Slots=8)
    hold = agent.ready_path('hold')
    jobs = {agent.submit(f'until [ -e {hold} ]; do sleep 0.02; done; exit {code}'): code for code in range(1, 7)}
    agent.wait_pids(max(jobs), 1)
    fill_until_refused(agent)
    with open(hold, 'w', encoding='ascii'):
        pass
    wait_until(lambda: not any(agent.job_pids(job) for job in jobs), 'all have ended')
    fill(agent)
    look(agent)
    make_room(agent)
    for job, code in jobs.items():
        assert agent.wait_over(job)['status'] == 'failed'
        assert (agent.task(job)['exitCode'], agent.task(job)['attempt']) == (code, 1), agent.task(job)


@test(disk_size=SIZE)
def an_end_is_told_of_twice(agent):
    """The record of a reaper stays until the end is on disk, also when the agent hears of it again before."""
    hold = agent.ready_path('hold')
    jobs = {agent.submit(f'until [ -e {hold} ]; do sleep 0.02; done; exit {code}'): code for code in (1, 2)}
    agent.wait_pids(max(jobs), 1)
    kill(agent.process.pid, signal.SIGSTOP)
    fill(agent)
    with open(hold, 'w', encoding='ascii'):
        pass
    records = [f'{agent.runtime_dir}/records/{job}.1.1.1.record' for job in jobs]
    wait_until(lambda: all(map(os.path.exists, records)), 'both have ended')
    for path in 2 * records:
        with open(path, 'r+b'):
            pass
    kill(agent.process.pid, signal.SIGCONT)
    wait_until(lambda: 'cannot write the records' in agent.log(), 'the turn is taken back')
    make_room(agent)
    for job, code in jobs.items():
        assert agent.wait_over(job)['status'] == 'failed'
        assert (agent.task(job)['exitCode'], agent.task(job)['attempt']) == (code, 1), agent.history(job)


@test(disk_size=SIZE)
def a_cancel_kills_all_the_same(agent):
    """Stopping things has its own reserve: whether it can be recorded at once or not, it is recorded in the end."""
    job = agent.submit_victim('many', 5, processes=5)
    fill_until_refused(agent)
    result = agent.call('CancelJobs', jobs=[job], message='disk full')['results'][0]
    if result.get('error') is None:
        agent.assert_no_process(job)
    else:
        assert result['error'] == 'StoreNotWritable', result
    make_room(agent)
    if agent.job(job)['status'] == 'running':  # it was refused
        agent.cancel(job, message='disk full')
    assert agent.wait_over(job)['cancelMessage'] == 'disk full'
    agent.assert_no_process(job)


@test(disk_size=SIZE)
def the_agent_dies_on_a_full_disk(agent):
    hold = agent.ready_path('hold')
    job = agent.submit(f'until [ -e {hold} ]; do sleep 0.02; done; exit 41')
    agent.wait_pids(job, 1)
    fill_until_refused(agent)
    agent.kill()
    with open(hold, 'w', encoding='ascii'):
        pass
    wait_until(lambda: not agent.job_pids(job), 'it has ended')
    agent.launch_agent()
    try:
        wait_until(agent.answers, 'the agent answers on a full disk')
    except AssertionError:
        # It may refuse to start; then it starts when there is room.
        assert agent.process.poll() not in (None, 0)
        os.unlink(f'{agent.disk}/filler')
        agent.start()
    else:
        make_room(agent)
    agent.wait_over(job)
    assert agent.task(job)['exitCode'] == 41


@test(disk_size=SIZE)
def nothing_acknowledged_is_lost(agent):
    """Load while the disk fills up and empties, over and over, with a crash now and then."""
    agent.set(Slots=4)
    acknowledged = {}
    for number in range(12):
        fill(agent)
        for _ in range(40):
            code = random.randrange(3)
            try:
                acknowledged[agent.submit([agent.victim, 'exit', str(random.randrange(20)), str(code)])] = code
            except Refused as error:
                assert error.name == 'StoreNotWritable', error
        if number % 4 == 3:
            agent.kill()
            os.unlink(f'{agent.disk}/filler')
            agent.start()
        else:
            make_room(agent)
        acknowledged[agent.submit('exit 1')] = 1
    agent.wait_over(*acknowledged)
    for job, code in acknowledged.items():
        task = agent.task(job)
        assert pick(task, 'exitCode', 'cause') == (code, 'exited'), task
    print(f'# {len(acknowledged)} jobs')


run()
