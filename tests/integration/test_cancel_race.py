#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A cancel that races with what else may happen to a job: whoever wins, there is one outcome, and the reply tells it.

Each test runs many rounds in batches, over several connections. CORRAL_SEED repeats the choices of a run (the timing
is the machine's)."""

import random
import time

from corral_test import TERMINAL, Agent, Refused, pick, run, test

BATCH = 50


def play(agent, script, connections=8):
    """Sends calls at their times over several connections: script is a list of (delay, key, method, parameters) with
    the delay in seconds from now. Returns the replies (or Refused) by key."""
    clients = [agent.client() for _ in range(connections)]
    waiting = {client: [] for client in clients}
    replies = {}
    start = time.monotonic()
    try:
        for number, (delay, key, method, parameters) in enumerate(sorted(script, key=lambda entry: entry[0])):
            time.sleep(max(0, start + delay - time.monotonic()))
            client = clients[number % connections]
            client.send(method, **parameters)
            waiting[client].append(key)
        for client, keys in waiting.items():
            for key in keys:
                try:
                    replies[key] = client.receive()[0]
                except Refused as error:
                    replies[key] = error
    finally:
        for client in clients:
            client.close()
    return replies


def queue_jobs(agent, specs):
    return agent.call('QueueJobs', jobs=specs)['ids']


def judge_cancel(agent, job, reply):
    """The reply to a cancel against the record: the same status, and an error exactly when it was too late."""
    result = reply['results'][0]
    record = agent.job(job)
    assert record['status'] in TERMINAL, record
    assert result['status'] == record['status'], (result, record)
    if result.get('error') is None:
        assert record['status'] == 'canceled' and record['cause'] == 'jobCanceled', (result, record)
    else:
        assert result['error'] == 'InvalidState' and record['status'] in ('finished', 'failed'), (result, record)
    return record


def judge_task(task, code):
    """A task that would have exited with code: either it did, or it was canceled."""
    if task['cause'] == 'exited':
        assert pick(task, 'status', 'exitCode') == ('failed' if code else 'finished', code), task
    else:
        assert task['cause'] == 'jobCanceled' and task['status'] in ('failed', 'canceled'), task
        assert task['exitCode'] is None or task['exitCode'] == code, task


def settle(agent, jobs):
    agent.wait_over(*jobs)
    agent.assert_no_process(*jobs)


def count(outcomes, *key):
    outcomes[key] = outcomes.get(key, 0) + 1


@test
def with_the_natural_end(agent):
    agent.set(Slots=8)
    outcomes = {}
    for _ in range(30):
        codes = [random.choice([0, 0, 7]) for _ in range(BATCH)]
        jobs = queue_jobs(agent, [agent.spec([agent.victim, 'exit', str(random.randrange(8)), str(code)])
                                  for code in codes])
        replies = play(agent, [(random.uniform(0, 0.1), job, 'CancelJobs', {'jobs': [job]}) for job in jobs])
        settle(agent, jobs)
        for job, code in zip(jobs, codes):
            record = judge_cancel(agent, job, replies[job])
            judge_task(agent.task(job), code)
            count(outcomes, record['status'])
    print('#', outcomes)
    agent.assert_nothing_left()


@test
def with_a_second_cancel(agent):
    agent.set(Slots=8)
    outcomes = {}
    for _ in range(16):
        jobs = queue_jobs(agent, [agent.spec([agent.victim, 'exit', '30', '0'], gracePeriod=random.choice([0, 20000]))
                                  for _ in range(BATCH)])
        script = []
        for job in jobs:
            moment = random.uniform(0, 0.1)
            for caller in 'first', 'second':
                script.append((moment + random.uniform(0, 0.004), (job, caller), 'CancelJobs',
                               {'jobs': [job], 'message': caller, 'force': random.random() < 0.3}))
        replies = play(agent, script)
        settle(agent, jobs)
        for job in jobs:
            record = agent.job(job)
            results = [replies[job, caller]['results'][0] for caller in ('first', 'second')]
            assert all(result['status'] == record['status'] for result in results), (results, record)
            done = [result for result in results if result.get('error') is None]
            assert bool(done) == (record['status'] == 'canceled'), (results, record)
            if len(done) == 2:
                assert done[0] == done[1], done
            requests = [entry for entry in agent.history(job) if entry['cause'] == 'cancelRequested']
            assert len(requests) <= 1, requests
            if done:
                assert record['cancelMessage'] in ('first', 'second'), record
            count(outcomes, record['status'], len(done))
    print('#', outcomes)
    agent.assert_nothing_left()


@test
def with_a_requeue(agent):
    """The cancel comes before, after or in the middle: in the end the job is canceled, or it had been over."""
    agent.set(Slots=8)
    outcomes = {}
    for _ in range(16):
        jobs = queue_jobs(agent, [agent.spec([agent.victim, 'exit', '40', '0'], [agent.victim, 'exit', '5', '7'])
                                  for _ in range(BATCH)])
        script = []
        for job in jobs:
            moment = random.uniform(0, 0.15)
            script.append((moment, (job, 'requeue'), 'RequeueJobs', {'jobs': [job]}))
            script.append((moment + random.uniform(-0.003, 0.006), (job, 'cancel'), 'CancelJobs', {'jobs': [job]}))
        replies = play(agent, script)
        settle(agent, jobs)
        for job in jobs:
            record = agent.job(job)
            cancel, requeue = (replies[job, name]['results'][0] for name in ('cancel', 'requeue'))
            assert cancel.get('error') in (None, 'InvalidState'), cancel
            assert requeue.get('error') in (None, 'InvalidState'), requeue
            assert record['runs'] in (1, 2), record
            if requeue.get('error') is None and record['runs'] == 1:
                # Accepted, but a cancel took over while the run was being stopped.
                assert record['status'] == 'canceled', (record, requeue)
            if requeue.get('error') is not None and record['runs'] == 2:
                assert False, (record, requeue)
            if cancel.get('error') is None and record['runs'] == 1:
                assert record['status'] == 'canceled', (record, cancel)
            tasks = agent.tasks(job)
            judge_task(tasks[0], 0)
            judge_task(tasks[1], 7)
            count(outcomes, record['status'], record['runs'], cancel.get('error'), requeue.get('error'))
    print('#', outcomes)
    agent.assert_nothing_left()


@test
def with_added_tasks(agent):
    """Tasks added in time are canceled with the job; after the cancel none can be added."""
    agent.set(Slots=8)
    outcomes = {}
    for _ in range(12):
        jobs = queue_jobs(agent, [agent.spec([agent.victim, 'sleep']) for _ in range(BATCH)])
        script = []
        for job in jobs:
            moment = random.uniform(0, 0.1)
            script.append((moment, (job, 'cancel'), 'CancelJobs', {'jobs': [job]}))
            for number in range(3):
                script.append((moment + random.uniform(-0.003, 0.003), (job, number), 'AddTasks',
                               {'job': job, 'tasks': [{'command': [agent.victim, 'sleep']}] * 2}))
        replies = play(agent, script)
        settle(agent, jobs)
        for job in jobs:
            judge_cancel(agent, job, replies[job, 'cancel'])
            added = [reply for number in range(3) if not isinstance(reply := replies[job, number], Refused)]
            refused = [reply for number in range(3) if isinstance(reply := replies[job, number], Refused)]
            tasks = agent.tasks(job)
            assert len(tasks) == 1 + 2 * len(added), (tasks, added)
            assert sorted(number for reply in added for number in reply['ids']) == [t['id'] for t in tasks[1:]], added
            assert all(t['status'] in ('failed', 'canceled') and t['cause'] == 'jobCanceled' for t in tasks), tasks
            assert all(error.name == 'InvalidState' for error in refused), refused
            count(outcomes, len(added))
    print('#', outcomes)
    agent.assert_nothing_left()


@test
def of_tasks_with_their_job(agent):
    """The cancel of single tasks, of their job, and their ends."""
    agent.set(Slots=8)
    outcomes = {}
    for _ in range(12):
        jobs = queue_jobs(agent, [agent.spec([agent.victim, 'exit', '10', '0'], [agent.victim, 'sleep'],
                                             [agent.victim, 'sleep']) for _ in range(BATCH)])
        script = []
        for job in jobs:
            moment = random.uniform(0, 0.15)
            script.append((moment, (job, 0), 'CancelJobs', {'jobs': [job]}))
            for number in (1, 2):
                script.append((moment + random.uniform(-0.004, 0.004), (job, number), 'CancelTasks',
                               {'tasks': [{'job': job, 'task': number}]}))
        replies = play(agent, script)
        settle(agent, jobs)
        for job in jobs:
            judge_cancel(agent, job, replies[job, 0])
            for task in agent.tasks(job):
                assert task['status'] in TERMINAL, task
                if task['cause'] == 'taskCanceled':
                    assert task['status'] == 'canceled' and task['id'] in (1, 2), task
                    assert replies[job, task['id']]['results'][0].get('error') is None, (task, replies)
                elif task['cause'] == 'jobCanceled':
                    assert task['status'] in ('failed', 'canceled'), task
                else:
                    assert pick(task, 'id', 'status', 'cause', 'exitCode') == (1, 'finished', 'exited', 0)
                count(outcomes, task['id'], task['cause'])
    print('#', outcomes)
    agent.assert_nothing_left()


@test
def of_a_job_with_requeues_of_its_tasks(agent):
    """Whatever was to run again when the cancel came, does not."""
    agent.set(Slots=8)
    outcomes = {}
    for _ in range(12):
        jobs = queue_jobs(agent, [agent.spec([agent.victim, 'exit', '15', '0'], [agent.victim, 'sleep'],
                                             [agent.victim, 'exit', '5', '7']) for _ in range(BATCH)])
        script = []
        for job in jobs:
            moment = random.uniform(0, 0.15)
            script.append((moment, (job, 0), 'CancelJobs', {'jobs': [job]}))
            for number in (1, 2, 3):
                script.append((moment + random.uniform(-0.004, 0.003), (job, number), 'RequeueTasks',
                               {'tasks': [{'job': job, 'task': number}]}))
        replies = play(agent, script)
        # A requeue that came after the cancel made the job run again.
        again = [job for job in jobs if agent.job(job)['runs'] > 1]
        agent.call('CancelJobs', jobs=again)
        settle(agent, jobs)
        for job in jobs:
            assert replies[job, 0]['results'][0].get('error') is None, replies[job, 0]
            record = agent.job(job)
            if record['runs'] == 1:
                assert record['status'] == 'canceled', record
            else:
                assert any(replies[job, number]['results'][0].get('error') is None for number in (1, 2, 3)), record
            for number, code in (1, 0), (3, 7):
                judge_task(agent.task(job, number), code)
            count(outcomes, record['runs'], agent.task(job, 2)['attempt'])
    print('#', outcomes)
    agent.assert_nothing_left()


@test(agent=False)
def with_the_death_of_the_agent():
    """The agent dies around the cancel: what was answered holds, and a cancel that was recorded is completed."""
    agent = Agent().start()
    agent.set(Slots=8)
    outcomes = {}
    for _ in range(25):
        jobs = queue_jobs(agent, [agent.spec([agent.victim, 'exit', '20', '0'], [agent.victim, 'many', '3'],
                                             gracePeriod=random.choice([0, 0, 10000])) for _ in range(20)])
        client = agent.client()
        for job in jobs:
            client.send('CancelJobs', jobs=[job], message='racing')
        time.sleep(random.uniform(0, 0.1))
        agent.kill()
        answered = {}
        try:
            while (message := client.receive_raw()) is not None:
                result = message['parameters']['results'][0]
                answered[result['job']] = result
        except ConnectionError:
            pass
        client.close()
        agent.start()
        for job in jobs:
            record = agent.job(job)
            if job in answered:
                assert record['status'] == answered[job]['status'] == 'canceled', (record, answered[job])
            elif record['status'] not in ('canceling', 'canceled'):
                agent.cancel(job, message='again')
            count(outcomes, job in answered, record['status'])
        settle(agent, jobs)
        for job in jobs:
            assert agent.job(job)['status'] == 'canceled', agent.job(job)
            for task in agent.tasks(job):
                if task['cause'] == 'exited':
                    assert pick(task, 'id', 'status', 'exitCode') == (1, 'finished', 0), task
                else:
                    assert task['cause'] == 'jobCanceled' and task['status'] in ('failed', 'canceled'), task
    print('#', outcomes)
    agent.verify()
    agent.assert_nothing_left()


run()
