#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a cancel promises, statement by statement: appendix A of the requirements, one test for each of the sixteen."""

import os
import random
import threading
import time

from corral_test import TERMINAL, Refused, expect, pick, process_alive, run, test, wait_until


def snapshot(agent, job):
    """Everything on record of a job."""
    return agent.call('GetJob', id=job), agent.tasks(job), agent.history(job)


def refused(agent, job, **options):
    """The result of a cancel that must have been refused."""
    result = agent.call('CancelJobs', jobs=[job], **options)['results'][0]
    assert result['error'] is not None, result
    return result


def finished_job(agent):
    job = agent.submit('true')
    assert agent.wait_over(job)['status'] == 'finished'
    return job


def failed_job(agent):
    job = agent.submit('exit 3')
    assert agent.wait_over(job)['status'] == 'failed'
    return job


def canceled_job(agent):
    job = agent.submit_victim('sleep')
    agent.cancel(job, message='the first reason')
    return job


@test
def appendix_a_01_unknown_id(agent):
    job = agent.submit_victim('sleep')
    before = snapshot(agent, job), agent.status()['jobs']
    for unknown in (job + 1, 1 << 62, 0, -1):
        result = refused(agent, unknown)
        assert result['error'] == 'NoSuchJob' and result['job'] == unknown and result.get('status') is None, result
    assert (snapshot(agent, job), agent.status()['jobs']) == before
    assert process_alive(agent.wait_pids(job, 1).pop())
    # Of a task: the job exists, the task does not.
    result = agent.call('CancelTasks', tasks=[{'job': job, 'task': 2}])['results'][0]
    assert result['error'] == 'NoSuchTask', result


@test
def appendix_a_02_terminal_is_refused(agent):
    for make, status in ((finished_job, 'finished'), (failed_job, 'failed'), (canceled_job, 'canceled')):
        job = make(agent)
        before = snapshot(agent, job)
        result = refused(agent, job, message='another reason', force=True)
        assert result['error'] == 'InvalidState' and result['status'] == status, result
        assert status in result['errorMessage'], result
        assert snapshot(agent, job) == before


@test
def appendix_a_03_before_it_runs(agent):
    agent.set(Slots=1)
    running = agent.submit_victim('sleep')
    for make in (agent.add, agent.submit):
        job = make('touch /nonexistent/never', 'true')
        assert agent.job(job)['status'] == ('notSubmitted' if make == agent.add else 'queued')
        result = agent.cancel(job, message='not needed')
        assert pick(result, 'status', 'tasksCanceled', 'processesKilled') == ('canceled', 2, 0), result
        record = agent.job(job)
        assert record['status'] == 'canceled' and record['cause'] == 'jobCanceled', record
        assert record['startTime'] is None and record['cpuTime'] == 0, record
        assert [pick(t, 'status', 'cause', 'attempt') for t in agent.tasks(job)] == [
            ('canceled', 'jobCanceled', 0)] * 2
        assert not agent.attempts(job) and not agent.job_cgroups(job)
        assert 'started' not in agent.causes(job)
    agent.cancel(running)


@test
def appendix_a_04_running(agent):
    agent.set(Slots=2)
    job = agent.submit('true', [agent.victim, 'tree', '20'], [agent.victim, 'daemon'], 'sleep 60', maxSlots=2)
    agent.wait_task(job, 1, 'finished')
    agent.wait_pids(job, 22)
    before = agent.task(job, 1)
    pids = agent.job_pids(job)
    result = agent.cancel(job, message='enough')
    agent.assert_no_process(job)
    assert not any(process_alive(pid) for pid in pids)
    assert pick(result, 'status', 'tasksFailed', 'tasksCanceled') == ('canceled', 2, 1), result
    assert result['processesKilled'] >= 22, result
    tasks = agent.tasks(job)
    assert tasks[0] == before, tasks[0]
    assert [pick(t, 'status', 'cause') for t in tasks[1:]] == [
        ('failed', 'jobCanceled'), ('failed', 'jobCanceled'), ('canceled', 'jobCanceled')], tasks
    assert agent.job(job)['status'] == 'canceled'
    # Another job gets through the queue: the task that waited would have, too.
    finished_job(agent)
    assert agent.task(job, 4)['attempt'] == 0
    agent.assert_nothing_left()


@test
def appendix_a_05_reason(agent):
    for message in ('disk is being replaced', '', 'ä' * 320, '𝄞' * 320):
        job = agent.submit_victim('sleep')
        agent.cancel(job, message=message)
        record = agent.job(job)
        assert (record['cancelMessage'] or '') == message, record
        assert record['canceledBy'] == 'root' and record['cancelTime'] is not None, record
    job = agent.submit_victim('sleep')
    before = snapshot(agent, job)
    for character in 'x', 'ä', '漢', '𝄞':
        error = expect('MessageTooLong', agent.call, 'CancelJobs', jobs=[job], message=character * 321)
        assert error == {'limit': 320, 'length': 321}, error
    assert snapshot(agent, job) == before
    agent.cancel(job)
    assert not agent.job(job)['cancelMessage']
    # The owner reads it.
    with agent.client('nobody') as client:
        spec = agent.spec('sleep 60')
        job = client.call('QueueJob', job=spec)['id']
        agent.wait_pids(job, 1)
        agent.cancel(job, message='by the administrator')
        record = client.call('GetJob', id=job)['job']
        assert record['cancelMessage'] == 'by the administrator' and record['canceledBy'] == 'root', record


@test
def appendix_a_06_end_time(agent):
    hold = agent.ready_path('hold')
    with open(hold, 'w', encoding='ascii'):
        pass
    job = agent.submit(f'while [ -e {hold} ]; do sleep 0.05; done')
    agent.wait_pids(job, 1)
    assert agent.job(job)['endTime'] is None
    before = time.time_ns() // 1000
    agent.cancel(job)
    after = time.time_ns() // 1000
    end = agent.job(job)['endTime']
    assert before <= end <= after, (before, end, after)
    refused(agent, job)
    assert agent.job(job)['endTime'] == end == agent.history(job)[-1]['time'] or agent.job(job)['endTime'] == end
    assert agent.task(job)['endTime'] <= end
    agent.requeue(job)
    agent.wait_status(job, 'queued', 'running')
    assert agent.job(job)['endTime'] is None and agent.task(job)['endTime'] is None
    os.unlink(hold)
    record = agent.wait_over(job)
    assert record['status'] == 'finished' and record['endTime'] > end, record


@test
def appendix_a_07_slots_are_free(agent):
    agent.set(Slots=2)
    first = agent.submit([agent.victim, 'sleep'], [agent.victim, 'sleep'], minSlots=2)
    agent.wait_pids(first, 2)
    second = agent.submit('true', minSlots=2)
    assert agent.job(second)['status'] == 'queued' and agent.job(second)['pendingReason']
    assert agent.status()['slotsInUse'] == 2
    agent.cancel(first)
    assert agent.wait_over(second)['status'] == 'finished'
    assert agent.job(second)['startTime'] >= agent.job(first)['endTime']
    assert agent.status()['slotsInUse'] == 0


@test
def appendix_a_08_records_live_as_long_as_told(agent):
    kept = canceled_job(agent)
    time.sleep(0.2)
    assert agent.job(kept)['status'] == 'canceled'
    days = 0.00002
    lifetime = round(days * 86400 * 1000000)
    agent.set(TTLCompletedJobs=f'{days:f}')
    job = canceled_job(agent)
    end = agent.job(job)['endTime']

    def gone():
        try:
            agent.job(job)
            return False
        except Refused as error:
            assert error.name == 'NoSuchJob', error
            return True
    wait_until(gone, f'job {job} is removed')
    assert time.time_ns() // 1000 >= end + lifetime
    agent.set(TTLCompletedJobs='0.5')
    newer = agent.submit('true')
    assert newer > job
    agent.restart()
    assert agent.submit('true') > newer
    expect('NoSuchJob', agent.job, job)
    assert refused(agent, job)['error'] == 'NoSuchJob'
    # An agent that has no record at all left does not begin anew either.
    agent.wait_over(*range(newer, newer + 2))
    agent.set(TTLCompletedJobs='0')
    wait_until(lambda: agent.status()['jobs']['total'] == 0, 'all records are removed')
    agent.restart()
    agent.set(TTLCompletedJobs='5')
    job = agent.submit('true')
    assert job > newer + 1
    agent.wait_over(job)


@test
def appendix_a_09_requeue_after_cancel(agent):
    agent.set(Slots=4)
    hold, witness = agent.ready_path('hold'), agent.ready_path('witness')
    with open(hold, 'w', encoding='ascii'):
        pass

    def step(n):
        return f'echo {n} >> {witness}; while [ {n} != 1 -a -e {hold} ]; do sleep 0.05; done'
    job = agent.submit(*(step(n) for n in (1, 2, 3, 4, 5, 6)), maxSlots=3)
    agent.wait_task(job, 1, 'finished')
    for n in (2, 3, 4):
        agent.wait_task(job, n, 'running')

    def witnessed():
        with open(witness, encoding='ascii') as lines:
            return {int(line) for line in lines}
    wait_until(lambda: witnessed() >= {2, 3, 4}, 'each of the three has begun')
    agent.cancel_tasks(job, 2)  # running; number 5 takes its place
    agent.wait_task(job, 5, 'running')
    agent.cancel_tasks(job, 6)  # waiting
    agent.cancel(job)
    assert [t['status'] for t in agent.tasks(job)] == [
        'finished', 'canceled', 'failed', 'failed', 'failed', 'canceled'], agent.tasks(job)
    finished, explicit, swept = agent.task(job, 1), agent.task(job, 2), agent.task(job, 6)
    assert explicit['cause'] == swept['cause'] == 'taskCanceled'
    os.unlink(hold)
    result = agent.requeue(job)
    assert result['tasksQueued'] == 3 and result['status'] in ('queued', 'running'), result
    agent.wait_over(job)
    tasks = agent.tasks(job)
    assert (tasks[0], tasks[1], tasks[5]) == (finished, explicit, swept), tasks
    assert [pick(t, 'status', 'attempt') for t in tasks[2:5]] == [('finished', 2)] * 3, tasks
    assert agent.job(job)['runs'] == 2
    with open(witness, encoding='ascii') as file:
        lines = [int(line) for line in file]
    assert lines.count(1) == 1 and lines.count(6) == 0 and lines.count(2) == 1, lines

    # A task that a cancel of the job swept away before it ran does run again.
    agent.set(Slots=1)
    job = agent.submit([agent.victim, 'sleep'], 'true', maxSlots=1)
    agent.wait_pids(job, 1)
    agent.cancel(job)
    assert [t['status'] for t in agent.tasks(job)] == ['failed', 'canceled']
    agent.requeue(job)
    agent.wait_task(job, 1, 'running')
    agent.cancel_tasks(job, 1)
    assert agent.wait_over(job)['status'] != 'canceled'
    assert [pick(t, 'status', 'attempt') for t in agent.tasks(job)] == [('canceled', 2), ('finished', 1)]


@test
def appendix_a_10_strangers_are_refused(agent):
    with agent.client('nobody') as owner, agent.client('daemon') as stranger:
        job = owner.call('QueueJob', job=agent.spec('sleep 60'))['id']
        pids = agent.wait_pids(job, 1)
        before = snapshot(agent, job)
        for _ in range(2):
            result = stranger.call('CancelJobs', jobs=[job], force=True, message='mine now')['results'][0]
            assert result['error'] == 'PermissionDenied' and result.get('status') is None, result
            result = stranger.call('CancelTasks', tasks=[{'job': job, 'task': 1}])['results'][0]
            assert result['error'] == 'PermissionDenied' and result.get('status') is None, result
        assert snapshot(agent, job) == before and all(process_alive(pid) for pid in pids)
        result = owner.call('CancelJobs', jobs=[job])['results'][0]
        assert result.get('error') is None and result['status'] == 'canceled', result
        assert agent.job(job)['canceledBy'] == 'nobody'
        job = owner.call('QueueJob', job=agent.spec('sleep 60'))['id']
        agent.cancel(job)  # root


@test
def appendix_a_11_plural(agent):
    agent.set(Slots=8)
    running, another = agent.submit_victim('sleep'), agent.submit_victim('tree', 3)
    done, idle = finished_job(agent), agent.add('true')
    jobs = [running, 999999, done, idle, running, another]
    results = agent.call('CancelJobs', jobs=jobs, message='all of them')['results']
    assert [result['job'] for result in results] == jobs
    assert [result.get('error') for result in results] == [
        None, 'NoSuchJob', 'InvalidState', None, results[4].get('error'), None], results
    # A duplicate joins, or finds that it is done: the same outcome.
    assert results[4].get('error') in (None, 'InvalidState') and results[4]['status'] == 'canceled', results[4]
    for job in (running, idle, another):
        record = agent.job(job)
        assert record['status'] == 'canceled' and record['cancelMessage'] == 'all of them', record
    assert agent.job(done)['status'] == 'finished'
    agent.assert_no_process(running, another)
    assert agent.call('CancelJobs', jobs=[])['results'] == []


@test
def appendix_a_12_concurrent(agent):
    agent.set(Slots=8)
    for _ in range(20):
        job = agent.submit([agent.victim, 'many', '5'], [agent.victim, 'sleep'])
        agent.wait_pids(job, random.randrange(7))
        clients = [agent.client() for _ in range(8)]
        for number, client in enumerate(clients):
            client.send('CancelJobs', jobs=[job], message=f'number {number}')
        results = [client.receive()[0]['results'][0] for client in clients]
        for client in clients:
            client.close()
        assert all(result['status'] == 'canceled' for result in results), results
        assert {result.get('error') for result in results} <= {None, 'InvalidState'}, results
        done = [result for result in results if result.get('error') is None]
        assert done and all(result == done[0] for result in done), results
        changes = [entry['to'] for entry in agent.history(job)
                   if entry['task'] is None and entry['from'] != entry['to']]
        assert changes.count('canceled') == 1 and changes[-1] == 'canceled', changes
        assert changes.count('canceling') <= 1, changes
    # With the natural end: one final status, and the answer tells it.
    for _ in range(40):
        job = agent.submit([agent.victim, 'exit', str(random.randrange(6)), '0'])
        time.sleep(random.uniform(0, 0.012))
        result = agent.call('CancelJobs', jobs=[job])['results'][0]
        record = agent.job(job)
        assert record['status'] == result['status'] in ('canceled', 'finished'), (result, record)
        assert (result.get('error') is None) == (record['status'] == 'canceled'), (result, record)


def cancel_during_start(agent):
    job = agent.submit([agent.victim, 'many', '3'], 'sleep 60')
    time.sleep(random.uniform(0, 0.003))
    agent.cancel(job)
    return job


def cancel_during_requeue(agent):
    job = agent.submit([agent.victim, 'many', '3'], 'sleep 60')
    with agent.client() as client:
        client.send('RequeueJobs', jobs=[job])
        time.sleep(random.uniform(0, 0.005))
        agent.cancel(job)
        client.receive()
    return job


def cancel_during_add_tasks(agent):
    job = agent.submit([agent.victim, 'many', '3'])
    with agent.client() as client:
        for _ in range(5):
            client.send('AddTasks', job=job, tasks=[{'command': [agent.victim, 'sleep']}])
        time.sleep(random.uniform(0, 0.003))
        agent.cancel(job)
        for _ in range(5):
            try:
                client.receive()
            except Refused as error:
                assert error.name == 'InvalidState', error
    return job


def cancel_across_restart(agent):
    job = agent.submit([agent.victim, 'many', '3'], 'sleep 60')
    client = agent.client()
    client.send('CancelJobs', jobs=[job], message='before the crash', gracePeriod=random.choice([0, 0, 100000]))
    time.sleep(random.uniform(0, 0.01))
    agent.kill()
    client.close()
    agent.start()
    if agent.job(job)['status'] not in ('canceling', 'canceled'):  # the crash came before the intent was durable
        agent.cancel(job)
    return job


@test
def appendix_a_13_at_any_moment(agent):
    agent.set(Slots=8)
    for cancel, rounds in ((cancel_during_start, 40), (cancel_during_requeue, 40), (cancel_during_add_tasks, 20),
                           (cancel_across_restart, 10)):
        for _ in range(rounds):
            job = cancel(agent)
            record = agent.wait_over(job)
            assert record['status'] == 'canceled' and record['cause'] == 'jobCanceled', (cancel.__name__, record)
            agent.assert_no_process(job)
            for task in agent.tasks(job):
                assert task['status'] in ('failed', 'canceled') and task['cause'] == 'jobCanceled', (cancel, task)
    agent.assert_nothing_left()


@test
def appendix_a_14_nothing_escapes(agent):
    agent.set(Slots=16)
    victims = [['bomb', '50', '5'], ['daemon'], ['stopped'], ['ignore'], ['vfork'], ['threads', '20'], ['tree', '10']]
    job = agent.submit(*([agent.victim, *victim] for victim in victims))
    nested = agent.submit_victim('nested', os.path.dirname(agent.cgroup), processes=4)
    agent.wait_pids(job, 30)
    agent.cancel(job, nested)
    agent.assert_no_process(job, nested)
    assert agent.job(job)['status'] == agent.job(nested)['status'] == 'canceled'
    agent.assert_nothing_left()


@test
def appendix_a_15_the_caller_goes(agent):
    for grace in (0, 300000):
        job = agent.submit_victim('ignore')
        client = agent.client()
        client.send('CancelJobs', jobs=[job], message='I am gone', gracePeriod=grace)
        client.close()
        record = agent.wait_over(job)
        assert record['status'] == 'canceled' and record['cancelMessage'] == 'I am gone', record
        job = agent.submit_victim('ignore')
        result = agent.cancel(job, wait=False, gracePeriod=grace)
        assert result['status'] in ('canceling', 'canceled'), result
        assert agent.wait_over(job)['status'] == 'canceled'
        agent.assert_no_process(job)


@test
def appendix_a_16_counters(agent):
    agent.set(Slots=8)
    jobs = [agent.submit([agent.victim, 'sleep'], [agent.victim, 'sleep']) for _ in range(6)]
    finished_before = agent.status()
    stop, torn = threading.Event(), []

    def look():
        with agent.client() as client:
            while not stop.is_set():
                status = client.call('GetStatus')
                for counts in pick(status, 'jobs', 'tasks'):
                    parts = sum(count for name, count in counts.items() if name != 'total')
                    if parts != counts['total']:
                        torn.append(counts)
                if status['jobs']['canceled'] + status['jobs']['running'] + status['jobs']['queued'] + \
                        status['jobs']['canceling'] != len(jobs):
                    torn.append(status['jobs'])
    looker = threading.Thread(target=look)
    looker.start()
    try:
        for number, job in enumerate(jobs):
            before = agent.status()
            # Up to four jobs of two tasks run in eight slots; the others wait and move up.
            agent.wait_status(job, 'running')
            agent.wait_pids(job, 2)
            result = agent.cancel(job)
            after = agent.status()
            assert result['tasksFailed'] == 2, result
            assert after['jobs']['canceled'] == before['jobs']['canceled'] + 1 == number + 1, (before, after)
            assert after['tasks']['failed'] == before['tasks']['failed'] + 2, (before, after)
    finally:
        stop.set()
        looker.join()
    assert not torn, torn[0]
    status = agent.status()
    assert status['jobs']['total'] == finished_before['jobs']['total'] == 6
    assert status['jobs']['running'] == 0 and all(agent.job(job)['status'] in TERMINAL for job in jobs)


run()
