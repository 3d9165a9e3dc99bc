#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The interface as clients see it: introspection, every method, paging, filters, streams over restarts, errors."""

import base64
import json
import os
import random
import re
import shutil
import subprocess
import threading
import time

from corral_test import INTERFACE, TERMINAL, Refused, Skip, expect, pick, run, task, test, wait_until

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../ipc/interfaces/io.corral.Jobs.varlink')


def interface_text():
    with open(SOURCE, encoding='utf-8') as file:
        return file.read()


def describe(agent, interface):
    return agent.call('org.varlink.service.GetInterfaceDescription', interface=interface)['description']


@test
def introspection(agent):
    info = agent.call('org.varlink.service.GetInfo')
    assert set(info) == {'vendor', 'product', 'version', 'url', 'interfaces'}, info
    assert {'org.varlink.service', INTERFACE} <= set(info['interfaces']), info
    assert info['version'] == agent.status()['version'], info
    assert describe(agent, INTERFACE) == interface_text()
    described = describe(agent, 'org.varlink.service')
    assert 'interface org.varlink.service' in described and 'error MethodNotFound' in described, described
    error = expect('org.varlink.service.InterfaceNotFound', describe, agent, 'no.such')
    assert error == {'interface': 'no.such'}, error
    error = expect('org.varlink.service.MethodNotFound', agent.call, 'NoSuchMethod')
    assert 'NoSuchMethod' in error['method'], error
    error = expect('org.varlink.service.InvalidParameter', agent.call, 'AddJob', job={'tasks': [{'command': [1]}]})
    assert error == {'parameter': 'job.tasks[0].command[0]'}, error


@test
def every_method(agent):
    """Each method of the interface answers; none is forgotten."""
    job = agent.submit('true')
    agent.wait_over(job)
    idle = agent.add('true')
    more = {'ListJobs': {}, 'ListTasks': {}, 'GetHistory': {'job': job}, 'GetOutput': {'job': job, 'task': 1},
            'Watch': {}}
    once = {'AddJob': {'job': {}}, 'AddJobs': {'jobs': [{}, {}]}, 'AddTasks': {'job': idle, 'tasks': [task('true')]},
            'SubmitJobs': {'jobs': [idle]}, 'QueueJob': {'job': {}}, 'QueueJobs': {'jobs': [{}]},
            'CancelJobs': {'jobs': [job]}, 'CancelTasks': {'tasks': []}, 'RequeueJobs': {'jobs': []},
            'RequeueTasks': {'tasks': []}, 'GetJob': {'id': job}, 'GetParameters': {},
            'SetParameter': {'name': 'Slots', 'value': '2'}, 'GetStatus': {}}
    names = set(re.findall(r'^method (\w+)', interface_text(), re.M))
    assert names == set(more) | set(once), names ^ (set(more) | set(once))
    for method, parameters in once.items():
        agent.call(method, **parameters)
    for method, parameters in more.items():
        with agent.client() as client:
            client.send(method, more=True, **parameters)
            client.receive()
        expect('ExpectedMore', agent.call, method, **parameters)


@test
def paging(agent):
    ids = agent.call('AddJobs', jobs=[{'name': f'job {n}', 'tasks': [task('true')] * 3} for n in range(25)])['ids']
    found, after = [], None
    while True:
        page = agent.listed('ListJobs', 'job', limit=10, **({'after': after} if after else {}))
        found += [job['id'] for job in page]
        if len(page) < 10:
            break
        after = page[-1]['id']
    assert found == ids, found
    found, after = [], None
    while True:
        page = agent.listed('ListTasks', 'task', limit=7, **({'after': after} if after else {}))
        found += [pick(t, 'job', 'id') for t in page]
        if len(page) < 7:
            break
        after = {'job': page[-1]['job'], 'task': page[-1]['id']}
    assert found == [(job, number) for job in ids for number in (1, 2, 3)], found
    for limit in 0, -1, 10001:
        expect('org.varlink.service.InvalidParameter', agent.listed, 'ListJobs', 'job', limit=limit)
    assert not agent.listed('ListJobs', 'job', after=ids[-1])


@test
def filters(agent):
    agent.set(Slots=2)
    with agent.client('nobody') as client:
        theirs = client.call('AddJob', job={'name': 'theirs', 'tasks': [task('true')]})['id']
    done, failed = agent.submit('true', name='alpha one'), agent.submit('true', 'false', name='alpha two')
    agent.wait_over(done, failed)
    running = agent.submit('sleep 60', name='beta*')
    agent.wait_pids(running, 1)

    def jobs(**parameters):
        return [job['id'] for job in agent.listed('ListJobs', 'job', **parameters)]
    assert jobs() == [theirs, done, failed, running]
    assert jobs(status=['finished']) == [done] and jobs(status=['failed', 'running']) == [failed, running]
    assert jobs(status=[]) in ([], jobs())
    assert jobs(owner='nobody') == jobs(owner='65534') == [theirs] and jobs(owner='root') == [done, failed, running]
    assert jobs(name='alpha one') == [done] and jobs(name='alpha*') == [done, failed] and jobs(name='alpha') == []
    assert jobs(name='alpha*', status=['failed']) == [failed] and jobs(name='*') == jobs()
    expect('NoSuchUser', jobs, owner='no such user')
    found = agent.listed('ListTasks', 'task', status=['failed'])
    assert [pick(t, 'job', 'id') for t in found] == [(failed, 2)], found
    found = agent.listed('ListTasks', 'task', job=failed, status=['finished'])
    assert [pick(t, 'job', 'id') for t in found] == [(failed, 1)], found
    expect('NoSuchJob', agent.listed, 'ListTasks', 'task', job=999999)
    assert [t['job'] for t in agent.listed('ListTasks', 'task', owner='nobody')] == [theirs]
    agent.cancel(running)


@test
def a_record_in_full(agent):
    before = time.time_ns() // 1000
    job = agent.submit({'command': ['/bin/sh', '-c', 'exit 3'], 'name': 'the task', 'rerunnable': False},
                       name='the job', priority='lowest', minSlots=1, maxSlots=1, gracePeriod=5, runTimeLimit=60000000)
    agent.wait_over(job)
    reply = agent.call('GetJob', id=job)
    record, found, attempt = reply['job'], reply['tasks'][0], reply['attempts'][0]
    assert pick(record, 'name', 'priority', 'owner', 'ownerUid', 'user') == (
        'the job', 'lowest', 'root', 0, 'root'), record
    assert pick(record, 'minSlots', 'maxSlots', 'gracePeriod', 'runTimeLimit') == (1, 1, 5, 60000000)
    assert before <= record['createTime'] <= record['submitTime'] <= record['startTime'] <= record['endTime'], record
    assert record['cpuTime'] >= 0 and record['runs'] == 1 and record['cancelMessage'] is None, record
    assert (found['name'], found['exitCode'], found['rerunnable'], found['command'][0]) == (
        'the task', 3, False, '/bin/sh'), found
    assert record['startTime'] <= attempt['startTime'] <= attempt['endTime'] <= record['endTime'], (record, attempt)
    assert pick(attempt, 'job', 'run', 'task', 'attempt', 'waitStatus') == (
        job, 1, 1, 1, 3 << 8), attempt
    assert attempt['userTime'] is not None and attempt['maxResidentSize'] > 0, attempt
    assert pick(attempt, 'stdoutSize', 'stdoutDropped') == (0, 0), attempt
    # The name when none is given.
    job = agent.add()
    assert agent.job(job)['name'].startswith('root:'), agent.job(job)


@test
def all_or_nothing(agent):
    count = agent.status()['jobs']['total']
    good, bad = agent.spec('true'), agent.spec('true', name='x' * 81)
    for method in 'AddJobs', 'QueueJobs':
        error = expect('TooLong', agent.call, method, jobs=[good, good, bad, good])
        assert error == {'parameter': 'jobs[2].name', 'limit': 80, 'length': 81}, error
    assert agent.status()['jobs']['total'] == count
    ids = agent.call('AddJobs', jobs=[good, good, good])['ids']
    assert ids == sorted(ids) and len(set(ids)) == 3
    expect('TooLong', agent.call, 'AddTasks', job=ids[0], tasks=[task('true'), {'command': ['true'], 'name': 'x' * 81}])
    assert len(agent.tasks(ids[0])) == 1
    done = agent.submit('true')
    agent.wait_over(done)
    error = expect('InvalidState', agent.call, 'SubmitJobs', jobs=[ids[0], done, ids[1]])
    assert pick(error, 'job', 'status') == (done, 'finished'), error
    expect('NoSuchJob', agent.call, 'SubmitJobs', jobs=[ids[0], 999999])
    assert all(agent.job(job)['status'] == 'notSubmitted' for job in ids)
    agent.call('SubmitJobs', jobs=ids)
    agent.call('SubmitJobs', jobs=[])
    agent.wait_over(*ids)
    assert agent.call('AddJobs', jobs=[])['ids'] == []
    assert agent.call('AddTasks', job=agent.add(), tasks=[])['ids'] == []
    many = agent.call('AddTasks', job=agent.add(), tasks=[{'command': ['true']}] * 5000)['ids']
    assert many == list(range(1, 5001))


@test
def per_element(agent):
    agent.set(Slots=4)
    one, two = agent.submit('false'), agent.submit('true', 'false')
    agent.wait_over(one, two)
    done = agent.submit('true')
    agent.wait_over(done)
    results = agent.call('RequeueJobs', jobs=[one, 999999, done, two, one])['results']
    assert [result['job'] for result in results] == [one, 999999, done, two, one], results
    assert [result.get('error') for result in results] == [None, 'NoSuchJob', 'InvalidState', None, None], results
    assert results[4] == results[0] and results[3]['tasksQueued'] == 1, results
    agent.wait_over(one, two)
    assert agent.job(one)['runs'] == 2 and agent.job(done)['runs'] == 1
    results = agent.call('RequeueTasks', tasks=[{'job': two, 'task': number} for number in (1, 2, 3, 2)])['results']
    assert [result.get('error') for result in results] == ['InvalidState', None, 'NoSuchTask', None], results
    assert [result['task'] for result in results] == [1, 2, 3, 2], results
    agent.wait_over(two)
    job = agent.submit([agent.victim, 'sleep'], [agent.victim, 'sleep'], 'true')
    agent.wait_pids(job, 2)
    agent.wait_task(job, 3, 'finished')
    results = agent.call('CancelTasks', tasks=[{'job': job, 'task': number} for number in (2, 3, 2, 4)], message='two')
    results = results['results']
    assert [result.get('error') for result in results] == [None, 'InvalidState', None, 'NoSuchTask'], results
    assert results[2] == results[0] and agent.task(job, 2)['cancelMessage'] == 'two'
    for method in 'CancelJobs', 'RequeueJobs':
        assert agent.call(method, jobs=[]) == {'results': []}
    for method in 'CancelTasks', 'RequeueTasks':
        assert agent.call(method, tasks=[]) == {'results': []}
    error = expect('TooMany', agent.call, 'CancelJobs', jobs=list(range(1, 1002)))
    assert pick(error, 'parameter', 'limit', 'count') == ('jobs', 1000, 1001), error
    agent.cancel(job)


@test
def typed_errors(agent):
    assert expect('NoSuchJob', agent.job, 5) == {'job': 5}
    assert expect('NoSuchJob', agent.history, 5) == {'job': 5}
    job = agent.submit('true')
    agent.wait_over(job)
    assert expect('NoSuchTask', agent.output, job, 7) == {'job': job, 'task': 7}
    assert expect('NoSuchAttempt', agent.output, job, 1, attempt=9) == {'job': job, 'task': 1, 'attempt': 9}
    error = expect('InvalidState', agent.call, 'AddTasks', job=job, tasks=[task('true')])
    assert pick(error, 'job', 'status') == (job, 'finished'), error
    assert expect('NoSuchParameter', agent.set, NoSuch='1') == {'name': 'NoSuch'}
    assert expect('NoSuchParameter', agent.call, 'GetParameters', names=['Slots', 'NoSuch']) == {'name': 'NoSuch'}
    for value in ('many', '0', '1000001', '', '1' * 1000):
        assert expect('ParameterOutOfRange', agent.set, slots=value) == {
            'name': 'Slots', 'minimum': '1', 'maximum': '1000000'}
    # An attempt that has not begun has no output to tell of.
    idle = agent.add('true')
    assert agent.output(idle) == b''
    expect('NoSuchAttempt', agent.output, idle, attempt=1)


@test
def parameters(agent):
    found = {entry['name']: entry for entry in agent.call('GetParameters')['parameters']}
    assert {'TTLCompletedJobs', 'CancelGracePeriod', 'KillDeadline', 'OutputLimit', 'Slots', 'JobRunTime'} <= set(found)
    assert all(entry['value'] == entry['default'] and entry['description'] for entry in found.values()), found
    assert found['TTLCompletedJobs']['default'] == '5' and found['Slots']['default'] == str(os.cpu_count()), found
    values = {'TTLCompletedJobs': '1.5', 'CancelGracePeriod': '5s', 'KillDeadline': '3s', 'OutputLimit': '1000',
              'Slots': '7'}
    agent.set(**values)
    agent.set(slots='9')  # names in any case
    agent.restart()
    found = {entry['name']: entry['value'] for entry in agent.call('GetParameters')['parameters']}
    assert {name: found[name] for name in values} == {**values, 'Slots': '9'}, found
    listed = agent.call('GetParameters', names=['Slots', 'KillDeadline'])['parameters']
    assert [entry['name'] for entry in listed] == ['Slots', 'KillDeadline'], listed
    agent.set(Slots=2, KillDeadline='10s', CancelGracePeriod='0s')


@test
def status(agent):
    found = agent.status()
    test_result = found['selfTest']
    assert test_result['cloneInto'] and test_result['freeze'] and test_result['kill'], test_result
    assert test_result['kernel'] == os.uname().release, test_result
    assert not set(test_result['controllers']) & set(test_result['missingControllers']), test_result
    assert found['slots'] == os.cpu_count() and found['slotsInUse'] == 0 and found['storeWritable'], found
    assert found['launcherConnected'] and found['connections'] >= 1, found
    with open('/proc/sys/kernel/random/boot_id', encoding='ascii') as file:
        assert found['bootId'].replace('-', '') == file.read().strip().replace('-', ''), found
    assert agent.cgroup.endswith(found['cgroupRoot'].strip('/')), found
    assert abs(found['startTime'] - time.time_ns() // 1000) < 600 * 1000000, found


@test
def output(agent):
    job = agent.submit('echo out; echo err >&2', 'printf ""', [agent.victim, 'output', '300000'])
    agent.wait_over(job)
    assert agent.output(job) == b'out\n' and agent.output(job, stream='stderr') == b'err\n'
    assert agent.output(job, 2) == b''
    whole = agent.output(job, 3)
    assert whole == b''.join(b'%07d\n' % i for i in range(0, 300000, 8)), len(whole)
    replies = list(agent.root.stream('GetOutput', job=job, task=3, offset=1000))
    assert replies[0]['offset'] == 1000
    assert agent.output(job, 3, offset=1000) == whole[1000:] and agent.output(job, 3, offset=300000) == b''
    # Of an older attempt.
    flag = agent.ready_path('flag')
    job = agent.submit(f'cat {flag} || echo none; exit 1')
    agent.wait_over(job)
    with open(flag, 'w', encoding='ascii') as file:
        file.write('second\n')
    agent.requeue(job)
    wait_until(lambda: agent.job(job)['status'] == 'failed' and agent.job(job)['runs'] == 2, 'the second run is over')
    assert agent.output(job) == agent.output(job, attempt=2) == b'second\n'
    assert agent.output(job, attempt=1) == b'none\n'


@test
def output_beyond_the_limit(agent):
    agent.set(OutputLimit=10000)
    job = agent.submit([agent.victim, 'output', '200000'])
    agent.wait_over(job)
    attempt = agent.attempts(job)[0]
    assert attempt['status'] == 'finished', attempt
    assert pick(attempt, 'stdoutSize', 'stdoutDropped') == (10000, 190000), attempt
    assert agent.output(job) == b''.join(b'%07d\n' % i for i in range(0, 10000, 8))


@test
def output_as_it_comes(agent):
    steps = [agent.ready_path(f'step{n}') for n in range(3)]
    job = agent.submit('echo begin; ' + ''.join(f'until [ -e {path} ]; do sleep 0.01; done; echo {n}; '
                                                for n, path in enumerate(steps)))
    agent.wait_pids(job, 1)
    with agent.client() as client:
        client.send('GetOutput', more=True, job=job, task=1, follow=True)
        text, offset = b'', 0

        def read(expected):
            nonlocal text, offset
            while len(text) < len(expected):
                reply, continues = client.receive()
                assert continues and reply['offset'] == offset, reply
                piece = base64.b64decode(reply['data'])
                text += piece
                offset += len(piece)
            assert text == expected, text
        expected = b'begin\n'
        read(expected)
        for number, path in enumerate(steps):
            with open(path, 'w', encoding='ascii'):
                pass
            expected += b'%d\n' % number
            read(expected)
        continues = True
        while continues:
            reply, continues = client.receive()
            assert not reply['data'], reply
    # Following what has ended gives all and ends; so does following what is killed.
    assert agent.output(job, follow=True) == expected
    job = agent.submit('echo begin; sleep 60')
    agent.wait_pids(job, 1)
    with agent.client() as client:
        client.send('GetOutput', more=True, job=job, task=1, follow=True)
        client.receive()
        agent.cancel(job)
        while client.receive()[1]:
            pass


# ---- Watch ----


def watch_state(client, **parameters):
    """Starts a Watch; the present state (jobs, tasks) and the cursor."""
    client.send('Watch', more=True, **parameters)
    jobs, tasks = [], []
    while True:
        reply, continues = client.receive()
        assert continues
        if reply.get('job') is not None:
            jobs.append(reply['job'])
        elif reply.get('task') is not None:
            tasks.append(reply['task'])
        else:
            return jobs, tasks, reply['cursor']


@test
def watch(agent):
    idle = agent.add('true', 'true')
    over = agent.submit('true')
    agent.wait_over(over)
    with agent.client() as client, agent.client() as chosen:
        jobs, tasks, cursor = watch_state(client)
        assert [job['id'] for job in jobs] == [idle] and [t['job'] for t in tasks] == [idle, idle], (jobs, tasks)
        jobs, tasks, _ = watch_state(chosen, jobs=[over, idle])
        assert sorted(job['id'] for job in jobs) == [idle, over] and len(tasks) == 3, (jobs, tasks)
        agent.call('SubmitJobs', jobs=[idle])
        agent.wait_over(idle, agent.submit('true'))
        seen = []
        while not seen or seen[-1]['job'] == idle or seen[-1]['task'] is not None or seen[-1]['to'] not in TERMINAL:
            reply, _ = client.receive()
            seen.append(reply['entry'])
            assert reply['cursor'] == reply['entry']['seq'] > cursor
            cursor = reply['cursor']
        assert [entry for entry in seen if entry['job'] == idle] == agent.history(idle)[-len(
            [entry for entry in seen if entry['job'] == idle]):]
        only = []
        while not only or only[-1]['to'] != 'finished' or only[-1]['task'] is not None:
            only.append(chosen.receive()[0]['entry'])
        assert all(entry['job'] == idle for entry in only), only
    expect('NoSuchJob', lambda: next(agent.client().stream('Watch', jobs=[999999])))


def collect(agent, cursor, until, entries):
    """Watches from a cursor, over every break of the connection, until an entry of the job `until` that ends it."""
    while True:
        try:
            with agent.client() as client:
                client.send('Watch', more=True, cursor=cursor[0])
                hang_up = random.randrange(5, 60)
                while hang_up > 0:
                    reply, _ = client.receive()
                    cursor[0] = reply.get('cursor') or cursor[0]
                    if reply.get('entry'):
                        entries.append(reply['entry'])
                        if reply['entry']['job'] == until[0] and reply['entry']['to'] in TERMINAL and \
                                reply['entry']['task'] is None:
                            return
                        hang_up -= 1
        except (ConnectionError, FileNotFoundError):
            time.sleep(0.01)


@test
def watch_without_a_gap(agent):
    """With its cursor a watcher that comes back sees each transition once, also over restarts of the agent."""
    agent.set(Slots=4)
    with agent.client() as client:
        cursor = [watch_state(client)[2]]
    entries, until = [], [None]
    watcher = threading.Thread(target=collect, args=(agent, cursor, until, entries), daemon=True)
    watcher.start()
    for number in range(6):
        for _ in range(20):
            agent.submit([agent.victim, 'exit', str(random.randrange(20)), str(random.randrange(2))])
        for job in random.sample([job['id'] for job in agent.listed('ListJobs', 'job')], 5):
            agent.call('CancelJobs', jobs=[job])
        if number % 2:
            agent.restart()
    wait_until(lambda: not any(pick(agent.status()['jobs'], 'queued', 'running', 'canceling')), 'all is over')
    last = agent.add()
    until[0] = last
    agent.cancel(last)
    watcher.join(60)
    assert not watcher.is_alive(), 'the watcher has seen the last job end'
    sequence = [entry['seq'] for entry in entries]
    assert sequence == sorted(set(sequence)), 'in order, none twice'
    recorded = [entry for job in agent.listed('ListJobs', 'job') for entry in agent.history(job['id'])]
    assert sequence == sorted(entry['seq'] for entry in recorded), 'none left out'


@test
def watch_with_an_expired_cursor(agent):
    job = agent.submit('true')
    agent.wait_over(job)
    cursor = agent.history(job)[0]['seq']
    agent.set(TTLCompletedJobs='0')
    wait_until(lambda: agent.status()['jobs']['total'] == 0, 'the job is removed')
    error = expect('CursorExpired', lambda: next(agent.client().stream('Watch', cursor=cursor)))
    assert error['oldest'] > cursor, error


@test
def pipelining(agent):
    """Calls on one connection are answered in order, also when one of them has to wait."""
    agent.set(Slots=2)
    job = agent.submit_victim('ignore')
    with agent.client() as client:
        client.send('GetJob', id=job)
        client.send('CancelJobs', jobs=[job], gracePeriod=200000)
        client.send('GetJob', id=job)
        client.send('GetJob', id=999999)
        client.send('GetStatus')
        assert client.receive()[0]['job']['status'] == 'running'
        assert client.receive()[0]['results'][0]['status'] == 'canceled'
        assert client.receive()[0]['job']['status'] == 'canceled'
        try:
            client.receive()
            assert False
        except Refused as error:
            assert error.name == 'NoSuchJob'
        assert 'version' in client.receive()[0]


@test
def varlinkctl(agent):
    """Another implementation of varlink, where there is one (systemd 255 and later)."""
    program = shutil.which('varlinkctl')
    if not program:
        raise Skip('there is no varlinkctl here')

    def varlinkctl_output(*arguments):
        return subprocess.run([program, *arguments], check=True, capture_output=True, text=True, timeout=60).stdout
    address = f'unix:{agent.socket_path}'
    reply = varlinkctl_output('call', '--json=short', address, f'{INTERFACE}.GetStatus', '{}')
    assert json.loads(reply)['slots'] == os.cpu_count()
    assert 'CancelJobs' in varlinkctl_output('introspect', address, INTERFACE)


run()
