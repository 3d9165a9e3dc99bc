#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The grace period between SIGTERM and the kill, and requeues of what runs."""

from corral_test import pick, process_state, run, test, wait_until

LONG = 120000000  # would outlast every test


@test
def a_clean_exit_within_it(agent):
    """The task says goodbye: it is still canceled, and its code is on record."""
    job = agent.submit_victim('term', 50, 21)
    result = agent.cancel(job, gracePeriod=LONG)
    record, attempt = agent.job(job), agent.attempts(job)[0]
    assert record['status'] == 'canceled', record
    assert pick(attempt, 'status', 'cause', 'exitCode', 'signal') == (
        'failed', 'jobCanceled', 21, None), attempt
    assert result['processesKilled'] == 0 and result['emptyAfter'] >= 50000 and result['frozenAfter'] is None, result
    agent.assert_nothing_left()


@test
def killed_after_it(agent):
    job = agent.submit_victim('ignore')
    result = agent.cancel(job, gracePeriod=300000)
    assert result['processesKilled'] == 1 and result['killedAfter'] >= 300000, result
    attempt = agent.attempts(job)[0]
    assert pick(attempt, 'cause', 'exitCode', 'signal') == ('jobCanceled', None, 9), attempt
    assert attempt['evidence'], attempt
    agent.assert_nothing_left()


@test
def a_stopped_task_is_continued(agent):
    """SIGTERM waits in a stopped process; SIGCONT follows so that it can act on it."""
    job = agent.submit_victim('stopped', processes=2)
    wait_until(lambda: all(process_state(pid) == 'T' for pid in agent.job_pids(job)), 'both are stopped')
    result = agent.cancel(job, gracePeriod=LONG)
    assert result['processesKilled'] == 0, result
    assert agent.attempts(job)[0]['signal'] == 15
    agent.assert_nothing_left()


@test
def every_process_is_told(agent):
    """Not the main process alone."""
    job = agent.submit_victim('tree', 10, processes=10)
    result = agent.cancel(job, gracePeriod=LONG)
    assert result['processesKilled'] == 0, result
    agent.assert_nothing_left()


@test
def force_cuts_it_short(agent):
    job = agent.submit_victim('ignore')
    with agent.client() as first, agent.client() as second:
        first.send('CancelJobs', jobs=[job], message='the first', gracePeriod=LONG)
        agent.wait_status(job, 'canceling')
        assert agent.task(job)['status'] == 'canceling'
        # A second cancel without force joins and waits.
        second.send('CancelJobs', jobs=[job], message='the second', gracePeriod=0)
        assert not second.ready(0.3) and agent.job(job)['status'] == 'canceling'
        agent.cancel(job, message='the third', force=True)
        results = [client.receive()[0]['results'][0] for client in (first, second)]
    assert results[0] == results[1] and results[0]['status'] == 'canceled', results
    record = agent.job(job)
    assert record['cancelMessage'] == 'the first', record
    assert agent.causes(job).count('cancelRequested') == 1 and 'forceRequested' in agent.causes(job)
    agent.assert_no_process(job)
    agent.assert_nothing_left()


@test
def force_from_the_start(agent):
    job = agent.submit_victim('term', 0, 0, gracePeriod=LONG)
    agent.cancel(job, force=True)
    assert agent.attempts(job)[0]['signal'] == 9


@test
def of_the_job_and_of_the_parameter(agent):
    agent.set(CancelGracePeriod='2min')
    job = agent.submit_victim('term', 0, 22)
    agent.cancel(job)
    assert agent.attempts(job)[0]['exitCode'] == 22
    job = agent.submit_victim('term', 0, 22, gracePeriod=0)  # the job's own goes before the parameter
    agent.cancel(job)
    assert agent.attempts(job)[0]['signal'] == 9
    agent.set(CancelGracePeriod='0s')
    job = agent.submit_victim('term', 0, 23, gracePeriod=LONG)
    agent.cancel(job)
    assert agent.attempts(job)[0]['exitCode'] == 23
    job = agent.submit_victim('term', 0, 23, gracePeriod=LONG)
    agent.cancel(job, gracePeriod=0)  # and the call's before the job's
    assert agent.attempts(job)[0]['signal'] == 9


@test
def nothing_starts_in_it(agent):
    agent.set(Slots=1)
    job = agent.submit_victims(['ignore'], then=['true', 'true'])
    agent.cancel(job, gracePeriod=500000, wait=False)
    assert [t['status'] for t in agent.tasks(job)] == ['canceling', 'canceled', 'canceled'], agent.tasks(job)
    # What is being canceled keeps its slot until it is gone.
    after = agent.submit('true')
    assert agent.job(after)['status'] == 'queued' and agent.status()['slotsInUse'] == 1
    agent.wait_over(job, after)
    assert agent.job(after)['startTime'] >= agent.job(job)['endTime']


@test
def of_a_task(agent):
    agent.set(Slots=2)
    job = agent.submit_victims(['term', 10, 24], ['sleep'], gracePeriod=LONG)
    agent.cancel_tasks(job, 1)
    found = agent.task(job, 1)
    assert pick(found, 'status', 'cause') == ('canceled', 'taskCanceled'), found
    assert agent.attempts(job)[0]['exitCode'] == 24
    agent.cancel(job, force=True)


@test
def a_job_is_canceled_while_its_task_is(agent):
    agent.set(Slots=2)
    job = agent.submit_victims(['ignore'], ['sleep'])
    with agent.client() as client:
        client.send('CancelTasks', tasks=[{'job': job, 'task': 1}], gracePeriod=LONG)
        agent.wait_task(job, 1, 'canceling')
        agent.cancel(job)
        result = client.receive()[0]['results'][0]
    assert result['status'] in ('canceled', 'failed'), result
    agent.assert_no_process(job)
    assert agent.job(job)['status'] == 'canceled'
    agent.assert_nothing_left()


@test
def requeue_of_a_running_job(agent):
    witness = agent.ready_path('witness')
    job = agent.submit(f'echo started >> {witness}; exec sleep 60', gracePeriod=LONG)
    agent.wait_pids(job, 1)
    first = agent.wait_pids(job, 1)
    result = agent.requeue(job)
    assert result['status'] in ('queued', 'running'), result
    agent.wait_status(job, 'running')
    assert not first & agent.wait_pids(job, 1)
    record, attempts = agent.job(job), agent.attempts(job)
    assert record['runs'] == 2 and record['status'] == 'running', record
    assert [pick(a, 'run', 'attempt', 'status', 'cause') for a in attempts] == [
        (1, 1, 'canceled', 'requeued'), (2, 2, 'running', None)], attempts
    agent.cancel(job, force=True)
    agent.assert_nothing_left()


@test
def requeue_of_a_running_task(agent):
    agent.set(Slots=2)
    job = agent.submit(['sleep', '60'], ['sleep', '60'])
    pids = agent.wait_pids(job, 2)
    agent.requeue_tasks(job, 1)
    agent.wait_task(job, 1, 'running')
    assert len(pids & agent.wait_pids(job, 2)) == 1
    assert [t['attempt'] for t in agent.tasks(job)] == [2, 1] and agent.job(job)['runs'] == 1
    agent.cancel(job)
    agent.assert_nothing_left()


@test
def a_cancel_beats_a_requeue(agent):
    job = agent.submit_victim('ignore', gracePeriod=LONG)
    with agent.client() as client:
        client.send('RequeueJobs', jobs=[job])
        agent.wait_status(job, 'canceling')
        agent.cancel(job, force=True, message='no more')
        client.receive()
    record = agent.job(job)
    assert pick(record, 'status', 'runs', 'cancelMessage') == ('canceled', 1, 'no more'), record
    agent.assert_no_process(job)
    agent.assert_nothing_left()


@test
def canceled_alone_stays_canceled(agent):
    """A requeue of the job leaves it, a requeue of the task runs it."""
    agent.set(Slots=3)
    job = agent.submit([agent.victim, 'sleep'], 'false', 'true')
    agent.wait_task(job, 3, 'finished')
    agent.cancel_tasks(job, 1)
    agent.wait_over(job)
    assert agent.job(job)['status'] == 'failed'
    agent.requeue(job)
    agent.wait_over(job)
    assert [pick(t, 'status', 'attempt') for t in agent.tasks(job)] == [
        ('canceled', 1), ('failed', 2), ('finished', 1)], agent.tasks(job)
    agent.requeue_tasks(job, 1)
    agent.wait_task(job, 1, 'running')
    assert agent.job(job)['status'] == 'running' and agent.task(job, 2)['attempt'] == 2
    agent.cancel(job)
    result = agent.call('RequeueTasks', tasks=[{'job': job, 'task': 3}])['results'][0]
    assert result['error'] == 'InvalidState' and result['status'] == 'finished', result


@test
def what_cannot_be_requeued(agent):
    agent.set(Slots=1)
    running = agent.submit_victim('sleep')
    done = agent.add('true')
    for job, status in ((done, 'notSubmitted'), (agent.submit('true'), 'queued')):
        result = agent.call('RequeueJobs', jobs=[job])['results'][0]
        assert result['error'] == 'InvalidState' and result['status'] == status, result
    agent.cancel(running)
    agent.call('SubmitJobs', jobs=[done])
    agent.wait_over(done)
    result = agent.call('RequeueJobs', jobs=[done])['results'][0]
    assert result['error'] == 'InvalidState' and result['status'] == 'finished', result


run()
