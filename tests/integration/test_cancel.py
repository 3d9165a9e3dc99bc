#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A cancel leaves not one process and the right record, whatever the task does."""

import contextlib
import os
import random
import subprocess
import time

from corral_test import Agent, pick, process_alive, process_state, run, test, wait_until


def check_receipt(result, least):
    """What the reply tells of a job that ran: times in order, and at least so many processes killed."""
    times = [result[name] for name in ('frozenAfter', 'killedAfter', 'emptyAfter', 'recordedAfter')
             if result[name] is not None]
    assert times == sorted(times) and result['emptyAfter'] is not None and result['recordedAfter'] is not None, result
    assert result['processesKilled'] >= least, result
    assert not result.get('stuck'), result


def check_evidence(attempt, pids=None):
    """Each process that was there when all stood still is described."""
    evidence = attempt['evidence']
    assert evidence, attempt
    for process in evidence:
        assert process['pid'] > 1 and process['command'] and len(process['state']) == 1, process
        assert process['threads'] >= 1 and process['residentSize'] >= 0 and process['cpuTime'] >= 0, process
    if pids is not None:
        assert {process['pid'] for process in evidence} == pids, (evidence, pids)
    return evidence


def cancel_and_check(agent, job, processes, exact=True):
    """Cancels a running job of one task and checks everything that can be seen of it. Returns its attempt."""
    pids = agent.job_pids(job)
    result = agent.cancel(job, message='checked')
    agent.assert_no_process(job)
    assert not any(process_alive(pid) for pid in pids)
    check_receipt(result, processes)
    assert pick(result, 'status', 'tasksFailed', 'tasksCanceled') == ('canceled', 1, 0), result
    record, attempts = agent.job(job), agent.attempts(job)
    assert pick(record, 'status', 'cause', 'cancelMessage') == ('canceled', 'jobCanceled', 'checked'), record
    task, attempt = agent.task(job), attempts[-1]
    for found in (task, attempt):
        assert pick(found, 'status', 'cause') == ('failed', 'jobCanceled'), found
    assert attempt['exitCode'] is None and attempt['signal'] == 9, attempt
    assert attempt['processesKilled'] == result['processesKilled'], (attempt, result)
    if exact:
        assert result['processesKilled'] == processes, result
        if processes <= 256:
            check_evidence(attempt, pids)
    changes = [pick(entry, 'from', 'to') for entry in agent.history(job)
               if entry['task'] is None and entry['from'] != entry['to']]
    assert changes[-2:] == [('running', 'canceling'), ('canceling', 'canceled')], changes
    assert 'cancelRequested' in agent.causes(job)
    agent.assert_nothing_left()
    return attempt


def command_of(pid):
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return b''


def cancel_victim(agent, *arguments, processes=1, exact=True):
    return cancel_and_check(agent, agent.submit_victim(*arguments, processes=processes), processes, exact)


@test
def one_sleeper(agent):
    cancel_victim(agent, 'sleep')


@test
def a_hundred_sleepers(agent):
    cancel_victim(agent, 'many', 100, processes=100)


@test
def a_thousand_sleepers(agent):
    attempt = cancel_victim(agent, 'many', 1000, processes=1000)
    # On a loaded machine the kernel may take longer to freeze them than a cancel waits.
    if attempt.get('evidence') is not None:
        assert len(check_evidence(attempt)) <= 1000


@test
def many_tasks(agent):
    agent.set(Slots=50)
    job = agent.submit(*([agent.victim, 'sleep'] for _ in range(60)), 'true')
    agent.wait_pids(job, 50)
    result = agent.cancel(job)
    agent.assert_no_process(job)
    check_receipt(result, 50)
    assert pick(result, 'tasksFailed', 'tasksCanceled') == (50, 11), result
    assert [t['status'] for t in agent.tasks(job)] == ['failed'] * 50 + ['canceled'] * 11
    for attempt in agent.attempts(job):
        assert len(check_evidence(attempt)) == 1
    agent.assert_nothing_left()


@test
def fork_bomb(agent):
    for _ in range(5):
        job = agent.submit_victim('bomb', 100, 10)
        agent.wait_pids(job, 20)
        time.sleep(random.uniform(0, 0.1))
        attempt = cancel_and_check(agent, job, 1, exact=False)
        # To look at so many may take longer than a cancel waits for it, on a machine that is busy.
        if 'evidence' in attempt:
            check_evidence(attempt)


@test
def daemon(agent):
    cancel_victim(agent, 'daemon', processes=2)


@test
def ignores_every_signal(agent):
    cancel_victim(agent, 'ignore')


@test
def stopped(agent):
    job = agent.submit_victim('stopped', processes=2)
    wait_until(lambda: all(process_state(pid) == 'T' for pid in agent.job_pids(job)), 'both are stopped')
    cancel_and_check(agent, job, 2)


@contextlib.contextmanager
def tracer_of(agent, pid, how):
    """A tracer of a process, outside of all jobs; how as in victim.c."""
    ready = agent.ready_path('tracer')
    with subprocess.Popen([agent.victim, 'trace', str(pid), how], env={'VICTIM_READY': ready}) as tracer:
        try:
            wait_until(lambda: os.path.exists(ready), 'the tracer has attached')
            yield tracer
        finally:
            tracer.kill()


@test
def traced(agent):
    job = agent.submit_victim('sleep')
    with tracer_of(agent, agent.job_pids(job).pop(), 'wait') as tracer:
        cancel_and_check(agent, job, 1)
        assert tracer.poll() is None


@test
def traced_by_one_that_does_not_wait(agent):
    """The kernel keeps the status for the tracer, who never asks for it: the job must end all the same."""
    job = agent.submit_victim('sleep')
    with tracer_of(agent, agent.job_pids(job).pop(), 'ignore') as tracer:
        cancel_and_check(agent, job, 1)
        assert tracer.poll() is None


@test
def vfork_parent(agent):
    cancel_victim(agent, 'vfork', processes=2)


@test
def hundreds_of_threads(agent):
    attempt = cancel_victim(agent, 'threads', 400)
    assert attempt['evidence'][0]['threads'] == 401


@test
def deep_tree(agent):
    cancel_victim(agent, 'tree', 200, processes=200)


@test
def cgroups_of_its_own(agent):
    attempt = cancel_victim(agent, 'nested', os.path.dirname(agent.cgroup), processes=4)
    assert len(attempt['evidence']) == 4


@test
def frozen_by_an_administrator(agent):
    job = agent.submit_victim('many', 3, processes=3)
    with open(agent.job_cgroups(job)[0] + '/cgroup.freeze', 'w', encoding='ascii') as file:
        file.write('1')
    cancel_and_check(agent, job, 3)


@test
def main_process_has_ended(agent):
    """The end of the main process ends the attempt: what it leaves behind is killed and told."""
    job = agent.submit([agent.victim, 'leave', '7'])
    assert agent.wait_over(job)['status'] == 'finished'
    agent.assert_no_process(job)
    attempt = agent.attempts(job)[0]
    assert attempt['processesKilled'] == 7 and attempt['exitCode'] == 0, attempt
    assert 'processesKilled' in agent.causes(job)
    agent.assert_nothing_left()


@test
def one_task_of_several(agent):
    agent.set(Slots=4)
    job = agent.submit([agent.victim, 'tree', '5'], [agent.victim, 'sleep'], 'true')
    agent.wait_pids(job, 6)
    agent.wait_task(job, 3, 'finished')
    others = [t for t in agent.tasks(job) if t['id'] != 1]
    result = agent.cancel_tasks(job, 1, message='this one only')
    assert pick(result, 'job', 'task', 'status') == (job, 1, 'canceled'), result
    check_receipt(result, 5)
    task = agent.task(job, 1)
    assert pick(task, 'status', 'cause', 'cancelMessage') == ('canceled', 'taskCanceled', 'this one only'), task
    assert task['canceledBy'] == 'root', task
    assert [t for t in agent.tasks(job) if t['id'] != 1] == others
    assert agent.job(job)['status'] == 'running' and len(agent.job_pids(job)) == 1
    agent.cancel(job)
    assert agent.task(job, 1) == task
    agent.assert_nothing_left()


@test
def between_clone_and_exec(agent):
    """Many rounds with a random delay: the cancel meets the launch in every stage."""
    agent.set(Slots=8)
    never = 0
    for _ in range(300):
        job = agent.submit([agent.victim, 'many', '3'])
        time.sleep(random.uniform(0, 0.003))
        result = agent.cancel(job)
        agent.assert_no_process(job)
        task = agent.task(job)
        assert result['tasksFailed'] + result['tasksCanceled'] == 1, result
        assert task['status'] == ('failed' if result['tasksFailed'] else 'canceled'), (result, task)
        assert task['cause'] == 'jobCanceled' and task['exitCode'] is None, task
        never += task['status'] == 'canceled'
    print(f'# {never} of 300 never ran')
    agent.assert_nothing_left()


@test
def exits_at_that_moment(agent):
    agent.set(Slots=8)
    outcomes = {}
    for _ in range(300):
        code = random.choice([0, 5])
        job = agent.submit([agent.victim, 'exit', str(random.randrange(5)), str(code)], [agent.victim, 'sleep'])
        time.sleep(random.uniform(0, 0.010))
        result = agent.cancel(job)
        agent.assert_no_process(job)
        task = agent.task(job)
        if task['cause'] == 'exited':
            assert pick(task, 'status', 'exitCode') == ('failed' if code else 'finished', code), task
        else:
            assert task['status'] in ('failed', 'canceled') and task['cause'] == 'jobCanceled', task
            assert task['exitCode'] in (None, code), task
        assert agent.job(job)['status'] == result['status'] == 'canceled', result
        outcomes[task['status'], task['cause']] = outcomes.get(pick(task, 'status', 'cause'), 0) + 1
    print('#', outcomes)
    agent.assert_nothing_left()


@test(agent=False)
def without_a_launcher():
    """Freezing and killing need no launcher: a cancel is whole without one, only the evidence is missing."""
    agent = Agent(own_launcher=False).start()
    job = agent.submit_victim('many', 10, processes=10)
    queued = agent.submit('sleep 60')
    agent.kill_launcher()
    wait_until(lambda: not agent.status()['launcherConnected'], 'the agent has seen it')
    result = agent.cancel(job)
    agent.assert_no_process(job)
    check_receipt(result, 10)
    assert agent.job(job)['status'] == 'canceled'
    waiting = agent.submit('true')
    agent.cancel(queued)
    agent.start_launcher()
    assert agent.wait_over(waiting)['status'] == 'finished'
    agent.verify()
    agent.assert_nothing_left()


def check_stuck(result, pid):
    """A reply, or a record, that tells of the process that outlived the kill."""
    assert result['status'] == 'canceling' and result.get('error') is None, result
    stuck = result['stuck']
    assert [process['pid'] for process in stuck] == [pid], stuck
    assert stuck[0]['state'] == 't' and stuck[0]['command'] == 'victim', stuck


@test
def unkillable(agent):
    """A process that outlives SIGKILL: the callers are answered, the job stays canceling and keeps its slot, everybody
    can see why; and it completes by itself."""
    agent.set(KillDeadline='300ms', Slots=1)
    job = agent.submit_victim('many', 3, processes=3)
    waiting = agent.submit('true')
    pid = max(agent.job_pids(job))
    with tracer_of(agent, pid, 'hold'):
        result = agent.cancel(job, message='never ends')
        check_stuck(result, pid)
        assert result['processesKilled'] == 3 and result['emptyAfter'] is None, result
        check_stuck(agent.job(job), pid)
        assert agent.job_pids(job) == {pid} and agent.task(job)['status'] == 'canceling'
        assert agent.job(waiting)['status'] == 'queued' and agent.status()['slotsInUse'] == 1
        assert agent.causes(job).count('unkillable') == 1
        check_stuck(agent.cancel(job), pid)  # a second caller is told as well
        agent.restart()
        wait_until(lambda: agent.job(job).get('stuck'), 'the next agent sees it, too')
        check_stuck(agent.job(job), pid)
    record = agent.wait_over(job)
    assert record['status'] == 'canceled' and not record.get('stuck'), record
    assert record['cancelMessage'] == 'never ends', record
    agent.assert_no_process(job)
    agent.wait_over(waiting)
    agent.assert_nothing_left()


@test
def unkillable_remains_of_a_task(agent):
    """The main process has ended, a child of it outlives the kill: the task is not over before that is gone."""
    agent.set(KillDeadline='300ms')
    hold = agent.ready_path('hold')
    job = agent.submit(f'sleep 60 & until [ -e {hold} ]; do sleep 0.01; done')
    children = lambda: [pid for pid in agent.job_pids(job) if command_of(pid) == b'sleep\x0060\0']
    pid = wait_until(children, 'the child')[0]
    with tracer_of(agent, pid, 'hold'):
        with open(hold, 'w', encoding='ascii'):
            pass
        wait_until(lambda: 'unkillable' in agent.causes(job), 'it is told')
        assert agent.job(job)['status'] == 'running' and agent.job_pids(job) == {pid}
    assert agent.wait_over(job)['status'] == 'finished'
    agent.assert_nothing_left()


run()
