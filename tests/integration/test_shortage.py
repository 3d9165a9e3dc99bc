#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Descriptors, and room in the runtime directory, run out and come back: what runs is not lost, what is to be started
waits, nothing is left behind, and afterwards everything is as before."""

import errno
import os
import resource
import signal
import time

from corral_test import Agent, Refused, kill, pick, run, test, wait_until

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


def fill(disk):
    """Takes all the room of a disk."""
    with open(f'{disk}/filler', 'ab', buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC, error


def refuses(agent):
    """Whether a submission is refused because it cannot be recorded."""
    try:
        agent.add('true')
        return False
    except Refused as error:
        assert error.name in ('StoreNotWritable', 'InternalError'), error
        return True


def limit(process, soft=None):
    """Sets how many descriptors a process may have; as many as it can when None."""
    hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft or hard, hard))


def held_job(agent, code):
    """A running job that ends with code when the file that is returned with it is there."""
    hold, ready = agent.ready_path('hold'), agent.ready_path()
    job = agent.submit(f'touch {ready}; until [ -e {hold} ]; do sleep 0.02; done; exit {code}')
    wait_until(lambda: os.path.exists(ready), f'job {job} runs')
    return job, hold


def let_end(path):
    with open(path, 'w', encoding='ascii'):
        pass


@test
def ends_without_descriptors(agent):
    """The agent can open no record: none is lost."""
    agent.set(Slots=4)
    jobs = {}
    for code in (3, 4, 5):
        job, hold = held_job(agent, code)
        jobs[job] = hold, code
    limit(agent.process, 3)
    for hold, _ in jobs.values():
        let_end(hold)
    wait_until(lambda: agent.log().count('Too many open files') > 2, 'the agent has tried')
    limit(agent.process)
    for job, (_, code) in jobs.items():
        agent.wait_over(job)
        assert pick(agent.task(job), 'exitCode', 'cause', 'attempt') == (code, 'exited', 1), agent.task(job)
    agent.assert_nothing_left()


@test
def lost_without_descriptors(agent):
    """The agent cannot look whose death it has heard of: it finds out later."""
    job, _ = held_job(agent, 3)
    limit(agent.process, 3)
    kill(agent.reapers()[0])
    wait_until(lambda: not agent.reapers(), 'the reaper is dead')
    time.sleep(0.3)
    limit(agent.process)
    agent.wait_over(job)
    assert pick(agent.task(job), 'exitCode', 'cause') == (None, 'lost'), agent.task(job)
    agent.assert_no_process(job)
    agent.assert_nothing_left()


@test(agent=False)
def recovery_without_room():
    """An agent that cannot make the claim of what was never launched makes it later."""
    agent = Agent(own_launcher=False, runtime_options=FEW_NAMES).start()
    kill(agent.launcher.pid, signal.SIGSTOP)
    job = agent.submit('exit 6')
    agent.wait_status(job, 'running')
    agent.kill()
    agent.kill_launcher()
    fillers = take_names(agent)
    agent.start(launcher=False)
    assert agent.job(job)['status'] == 'running'
    give_names(fillers)
    agent.start_launcher()
    agent.wait_over(job)
    assert pick(agent.task(job), 'exitCode', 'attempt') == (6, 2) and 'neverLaunched' in agent.causes(job)
    agent.verify()
    agent.assert_nothing_left()


@test(own_launcher=False, runtime_options=FEW_NAMES)
def launcher_dies_without_room(agent):
    """The same when the launcher dies with launches unread."""
    kill(agent.launcher.pid, signal.SIGSTOP)
    jobs = [agent.submit('exit 7') for _ in range(2)]
    agent.wait_status(jobs[0], 'running')
    fillers = take_names(agent)
    agent.kill_launcher()
    wait_until(lambda: not agent.status()['launcherConnected'], 'the agent knows')
    give_names(fillers)
    agent.start_launcher()
    agent.wait_over(*jobs)
    assert all(agent.task(job)['exitCode'] == 7 for job in jobs)
    agent.assert_nothing_left()


@test
def launches_wait_for_descriptors(agent):
    """Whatever the agent cannot open on the way to a launch: nothing fails for it, everything runs once."""
    agent.set(Slots=4)
    for spare in range(12):
        _ = agent.root  # a connection that is there already
        limit(agent.process, len(os.listdir(f'/proc/{agent.process.pid}/fd')) + spare)
        while refuses(agent):
            spare += 1
            limit(agent.process, len(os.listdir(f'/proc/{agent.process.pid}/fd')) + spare)
        job = agent.submit('exit 8', 'exit 9')
        time.sleep(0.15)
        limit(agent.process)
        agent.wait_over(job)
        ends = [pick(task, 'cause', 'exitCode', 'attempt') for task in agent.tasks(job)]
        assert ends == [('exited', 8, 1), ('exited', 9, 1)], agent.tasks(job)
    agent.assert_nothing_left()


@test(disk_size=8 << 20)
def records_read_again_without_descriptors(agent):
    """Memory is built again from the records, because the disk is full, when no cgroup can be opened: what runs in them
    is not forgotten."""
    job, _ = held_job(agent, 8)
    fill(agent.disk)
    limit(agent.process, 3)
    wait_until(lambda: refuses(agent), 'the disk is found full')
    os.unlink(f'{agent.disk}/filler')
    limit(agent.process)
    wait_until(lambda: not refuses(agent), 'the store can be written again')
    assert agent.cancel(job)['processesKilled'] > 0
    agent.assert_no_process(job)
    agent.assert_nothing_left()


@test(agent=False)
def starts_with_few_descriptors():
    """An agent that cannot open all that it needs gives up, or waits; the next one takes everything over."""
    agent = Agent(own_launcher=False).start()
    agent.set(Slots=4)
    held = [held_job(agent, code) for code in range(4)]
    agent.kill()
    let_end(held[0][1])
    for descriptors in range(3, 50):
        agent.launch_agent(lambda n=descriptors: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
        end = time.monotonic() + 0.2
        while agent.process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        assert agent.process.poll() in (None, 1, 127), agent.process.poll()
        agent.kill()
    agent.start()
    for code, (job, hold) in enumerate(held):
        assert code == 0 or (agent.job_pids(job) and agent.job(job)['status'] == 'running'), agent.job(job)
        let_end(hold)
        agent.wait_over(job)
        assert pick(agent.task(job), 'exitCode', 'attempt') == (code, 1), agent.task(job)
    agent.verify()
    agent.assert_nothing_left()


@test(own_launcher=False, runtime_options=FEW_NAMES)
def cancel_without_room(agent):
    """A cancel of what the launcher has not read: it never runs, although its claim cannot be made at once."""
    witness = agent.ready_path('witness')
    agent.set(KillDeadline='0.2s')
    kill(agent.launcher.pid, signal.SIGSTOP)
    job = agent.submit(f'touch {witness}')
    agent.wait_status(job, 'running')
    fillers = take_names(agent)
    result = agent.call('CancelJobs', jobs=[job], wait=False)['results'][0]
    assert result['status'] == 'canceling', result
    time.sleep(1)
    assert agent.job(job)['status'] == 'canceling'
    give_names(fillers)
    agent.wait_status(job, 'canceled')
    kill(agent.launcher.pid, signal.SIGCONT)
    agent.assert_nothing_left()
    assert not os.path.exists(witness)


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
