#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which job and which task runs when, and how a job ends."""

import os
import time

from corral_test import expect, pick, run, task, test, wait_until


class Gate:
    """A job that holds all slots until it is opened."""

    def __init__(self, agent, slots=1, **spec):
        self.path = agent.ready_path('gate')
        self.job = agent.submit(f'until [ -e {self.path} ]; do sleep 0.01; done', minSlots=slots, **spec)
        agent.wait_pids(self.job, 1)

    def open(self):
        with open(self.path, 'w', encoding='ascii'):
            pass


def started(agent, jobs):
    """The jobs in the order in which they started."""
    agent.wait_over(*jobs)
    order = {}
    for job in jobs:
        order[job] = next(entry['seq'] for entry in agent.history(job) if entry['to'] == 'running')
    return sorted(jobs, key=order.get)


@test
def by_priority_then_by_submission(agent):
    agent.set(Slots=1)
    gate = Gate(agent)
    priorities = ['normal', 'lowest', 'highest', 'belowNormal', None, 'aboveNormal', 'highest', 'lowest']
    jobs = [agent.submit('true', **({'priority': priority} if priority else {})) for priority in priorities]
    assert all(agent.job(job)['status'] == 'queued' for job in jobs)
    gate.open()
    assert started(agent, jobs) == [jobs[i] for i in (2, 6, 5, 0, 4, 3, 1, 7)]


@test
def submission_counts_not_addition(agent):
    agent.set(Slots=1)
    gate = Gate(agent)
    added = agent.add('true')
    queued = agent.submit('true')
    agent.call('SubmitJobs', jobs=[added])
    gate.open()
    assert started(agent, [added, queued]) == [queued, added]


@test
def requeued_goes_first_in_its_class(agent):
    agent.set(Slots=1)
    failed = agent.submit('false')
    agent.wait_over(failed)
    gate = Gate(agent)
    normal, high = agent.submit('true'), agent.submit('true', priority='highest')
    agent.requeue(failed)
    gate.open()
    agent.wait_over(failed, normal, high)
    order = sorted([failed, normal, high], key=lambda job: [
        entry['seq'] for entry in agent.history(job) if entry['to'] == 'running' and entry['task'] is None][-1])
    assert order == [high, failed, normal], order


@test
def the_order_survives_a_restart(agent):
    agent.set(Slots=1)
    failed = agent.submit('false')
    agent.wait_over(failed)
    gate = Gate(agent)
    jobs = [agent.submit('true', priority=priority) for priority in ('normal', 'lowest', 'highest', 'normal')]
    agent.requeue(failed)
    agent.restart()
    later = agent.submit('true')
    gate.open()
    agent.wait_over(failed, later, *jobs)
    order = sorted([failed, later, *jobs], key=lambda job: [
        entry['seq'] for entry in agent.history(job) if entry['to'] == 'running' and entry['task'] is None][-1])
    assert order == [jobs[2], failed, jobs[0], jobs[3], later, jobs[1]], order


@test
def slots(agent):
    """minSlots is what a job waits for, maxSlots is what it never exceeds."""
    agent.set(Slots=4)
    wide = agent.submit(*(['sleep', '60'] for _ in range(6)), maxSlots=3)
    agent.wait_pids(wide, 3)
    greedy = agent.submit('sleep 60', minSlots=2)
    small = agent.submit('true')
    time.sleep(0.2)
    assert agent.status()['slotsInUse'] == 3 and len(agent.job_pids(wide)) == 3
    # What does not fit lets nobody behind it pass.
    assert agent.job(greedy)['status'] == agent.job(small)['status'] == 'queued'
    assert agent.job(greedy)['pendingReason'] and agent.job(small)['pendingReason']
    agent.cancel(wide)
    agent.wait_status(greedy, 'running')
    assert agent.wait_over(small)['status'] == 'finished'
    agent.cancel(greedy)
    # As many as it has tasks is the default, as far as there are slots.
    job = agent.submit(*(['sleep', '60'] for _ in range(6)))
    agent.wait_pids(job, 4)
    time.sleep(0.2)
    assert len(agent.job_pids(job)) == 4 and agent.status()['slotsInUse'] == 4
    agent.set(Slots=5)
    agent.wait_pids(job, 5)
    agent.cancel(job)


@test
def more_slots_than_the_machine_has(agent):
    agent.set(Slots=2)
    error = expect('org.varlink.service.InvalidParameter', agent.submit, 'true', minSlots=3)
    assert error == {'parameter': 'job.minSlots'}, error
    job = agent.add('true', minSlots=2)
    agent.set(Slots=1)
    agent.call('SubmitJobs', jobs=[job])
    assert agent.wait_over(job)['status'] == 'finished'


@test
def tasks_in_order(agent):
    agent.set(Slots=4)
    witness = agent.ready_path('witness')
    job = agent.submit(*(f'echo {n} >> {witness}' for n in range(30)), maxSlots=1)
    agent.wait_over(job)
    with open(witness, encoding='ascii') as file:
        assert [int(line) for line in file] == list(range(30))


@test
def a_job_without_tasks(agent):
    """It finishes at the moment it would start, not before."""
    agent.set(Slots=1)
    gate = Gate(agent)
    job = agent.submit()
    time.sleep(0.1)
    assert agent.job(job)['status'] == 'queued'
    gate.open()
    record = agent.wait_over(job)
    assert record['status'] == 'finished' and record['startTime'] and record['tasks']['total'] == 0, record
    assert [entry['to'] for entry in agent.history(job)] == ['queued', 'running', 'finished'], agent.history(job)


@test
def tasks_added_later(agent):
    agent.set(Slots=2)
    idle, gate = agent.add(), Gate(agent)
    for job, statuses in ((idle, {'notSubmitted'}), (gate.job, {'queued', 'running', 'finished', 'failed'})):
        ids = agent.call('AddTasks', job=job, tasks=[task('exit 0'), task('exit 4')])['ids']
        assert {agent.task(job, number)['status'] for number in ids} <= statuses, agent.tasks(job)
    agent.call('SubmitJobs', jobs=[idle])
    gate.open()
    for job in idle, gate.job:
        assert agent.wait_over(job)['status'] == 'failed'
        assert [t['exitCode'] for t in agent.tasks(job)][-2:] == [0, 4]
        expect('InvalidState', agent.call, 'AddTasks', job=job, tasks=[task('true')])


@test
def a_failed_task_fails_the_job_at_the_end(agent):
    agent.set(Slots=1)
    job = agent.submit('true', 'exit 9', 'true', [agent.victim, 'signal', '6'], 'true', ['no-such-program'])
    record = agent.wait_over(job)
    assert pick(record, 'status', 'cause') == ('failed', 'taskFailed') and record['errorMessage'], record
    assert [pick(t, 'status', 'cause', 'exitCode', 'signal') for t in agent.tasks(job)] == [
        ('finished', 'exited', 0, None), ('failed', 'exited', 9, None), ('finished', 'exited', 0, None),
        ('failed', 'signaled', None, 6), ('finished', 'exited', 0, None), ('failed', 'launchFailed', None, None)]
    attempts = agent.attempts(job)
    assert [os.WEXITSTATUS(a['waitStatus']) if a['exitCode'] is not None else None for a in attempts] == [
        0, 9, 0, None, 0, None], attempts
    assert os.WTERMSIG(attempts[3]['waitStatus']) == 6 and attempts[5]['waitStatus'] is None, attempts
    assert 'exec' in attempts[5]['errorMessage'] and attempts[5]['startTime'], attempts[5]


@test
def the_run_time_of_a_job(agent):
    agent.set(Slots=2)
    job = agent.submit('true', [agent.victim, 'tree', '3'], ['sleep', '60'], 'true', runTimeLimit=500000, maxSlots=2)
    record = agent.wait_over(job)
    assert pick(record, 'status', 'cause') == ('canceled', 'jobRunTime') and record['errorMessage'], record
    assert record['canceledBy'] is None and record['endTime'] - record['startTime'] >= 500000, record
    assert [pick(t, 'status', 'cause') for t in agent.tasks(job)] == [
        ('finished', 'exited'), ('failed', 'jobRunTime'), ('failed', 'jobRunTime'), ('canceled', 'jobRunTime')]
    agent.assert_no_process(job)
    # The default for all jobs.
    agent.set(JobRunTime='300ms')
    job = agent.submit(['sleep', '60'])
    assert agent.wait_over(job)['cause'] == 'jobRunTime'
    agent.set(JobRunTime='0')
    agent.assert_nothing_left()


@test
def the_run_time_of_a_task(agent):
    job = agent.submit({'command': [agent.victim, 'many', '5'], 'runTimeLimit': 300000}, 'true')
    record = agent.wait_over(job)
    assert pick(record, 'status', 'cause') == ('failed', 'taskFailed'), record
    assert [pick(t, 'status', 'cause') for t in agent.tasks(job)] == [('failed', 'taskRunTime'), ('finished', 'exited')]
    assert agent.attempts(job)[0]['processesKilled'] == 5
    agent.assert_nothing_left()


@test
def run_times_survive_a_restart(agent):
    agent.set(Slots=2)
    job = agent.submit(['sleep', '60'], runTimeLimit=700000)
    limited = agent.submit({'command': ['sleep', '60'], 'runTimeLimit': 700000})
    agent.wait_pids(job, 1)
    agent.wait_pids(limited, 1)
    agent.restart()
    assert agent.wait_over(job)['cause'] == 'jobRunTime'
    agent.wait_over(limited)
    assert agent.task(limited)['cause'] == 'taskRunTime'


@test
def lifetimes_in_fractions_of_a_day(agent):
    jobs = [agent.submit('true') for _ in range(3)]
    agent.wait_over(*jobs)
    idle = agent.add('true')
    agent.set(TTLCompletedJobs='0.00002')
    wait_until(lambda: not agent.listed('ListJobs', 'job', status=['finished']), 'the finished jobs are removed')
    assert [job['id'] for job in agent.listed('ListJobs', 'job')] == [idle]
    assert not [name for _, _, names in os.walk(f'{agent.state_dir}/output') for name in names]
    agent.set(TTLCompletedJobs='0')
    job = agent.submit('true')
    wait_until(lambda: len(agent.listed('ListJobs', 'job')) == 1, 'the new job is removed, too')
    assert job > max(jobs)
    for value in '-1', 'x', '', '1e99999':
        expect('ParameterOutOfRange', agent.set, TTLCompletedJobs=value)


@test
def ids_are_never_used_again(agent):
    agent.set(TTLCompletedJobs='0')
    seen = set()
    for number in range(12):
        jobs = agent.call('QueueJobs', jobs=[agent.spec('true')] * 3)['ids']
        assert jobs == sorted(jobs) and not seen & set(jobs) and (not seen or jobs[0] > max(seen)), (jobs, seen)
        seen.update(jobs)
        wait_until(lambda: agent.status()['jobs']['total'] == 0, 'the jobs are removed')
        if number % 4 == 3:
            agent.restart()


@test
def requeue(agent):
    witness, flag = agent.ready_path('witness'), agent.ready_path('flag')
    job = agent.submit(f'echo 1 >> {witness}', f'echo 2 >> {witness}; [ -e {flag} ]')
    assert agent.wait_over(job)['status'] == 'failed'
    with open(flag, 'w', encoding='ascii'):
        pass
    agent.requeue(job)
    record = agent.wait_over(job)
    assert record['status'] == 'finished' and record['runs'] == 2 and record['cause'] != 'taskFailed', record
    with open(witness, encoding='ascii') as file:
        assert sorted(file.read().split()) == ['1', '2', '2']
    attempts = [pick(a, 'run', 'task', 'attempt', 'status') for a in agent.attempts(job)]
    assert sorted(attempts) == [(1, 1, 1, 'finished'), (1, 2, 1, 'failed'), (2, 2, 2, 'finished')], attempts


@test
def not_rerunnable(agent):
    agent.set(Slots=2)
    job = agent.submit({'command': ['false'], 'rerunnable': False}, 'false')
    agent.wait_over(job)
    result = agent.call('RequeueJobs', jobs=[job])['results'][0]
    assert result['error'] == 'TaskNotRerunnable', result
    result = agent.call('RequeueTasks', tasks=[{'job': job, 'task': 1}])['results'][0]
    assert result['error'] == 'TaskNotRerunnable', result
    agent.requeue_tasks(job, 2)
    agent.wait_over(job)
    assert [t['attempt'] for t in agent.tasks(job)] == [1, 2]
    # One that has finished does not stand in the way.
    job = agent.submit({'command': ['true'], 'rerunnable': False}, 'false')
    agent.wait_over(job)
    agent.requeue(job)
    agent.wait_over(job)
    assert [t['attempt'] for t in agent.tasks(job)] == [1, 2]


run()
