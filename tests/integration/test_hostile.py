#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that send nonsense, too much, or nothing more. After each of them the agent still serves, and holds no
descriptor that it did not hold before."""

import json
import os
import random
import socket
import time

from corral_test import INTERFACE, Client, Refused, expect, run, task, test, wait_until

MESSAGE_MAX = 1 << 20
CONNECTIONS_PER_UID = 128


def descriptors(agent):
    """How many the agent has, without those that its event loop makes once, when it first needs them."""
    directory, count = f'/proc/{agent.process.pid}/fd', 0
    for name in os.listdir(directory):
        try:
            count += os.readlink(f'{directory}/{name}') not in ('anon_inode:[timerfd]', 'anon_inode:inotify')
        except FileNotFoundError:
            pass
    return count


def is_sanitized(agent):
    """Whether the agent is built with the address sanitizer, which keeps what is freed."""
    with open(f'/proc/{agent.process.pid}/maps', encoding='utf-8') as file:
        return 'libasan' in file.read()


class Unharmed:
    """Around what a hostile client does: the agent serves before and after, and has closed what it opened."""

    def __init__(self, agent):
        self.agent = agent

    def __enter__(self):
        self.agent.status()
        self.before = descriptors(self.agent)

    def __exit__(self, kind, *_):
        if kind is None:
            self.agent.status()
            with self.agent.client('nobody') as client:
                client.call('GetStatus')
            wait_until(lambda: descriptors(self.agent) <= self.before,
                       lambda: f'{descriptors(self.agent)} descriptors become {self.before}')


def provoke(agent, data, user=None):
    """Sends bytes; the error reply by name, None when the agent hung up."""
    with Unharmed(agent), agent.client(user) as client:
        try:
            client.send_bytes(data)
        except (BrokenPipeError, ConnectionResetError):
            return None
        try:
            reply = client.receive_raw()
        except ConnectionError:
            return None
        if reply is None:
            return None
        assert 'error' in reply, f'{data[:200]!r} was answered with {reply}'
        return reply['error']


def message(method='GetJob', parameters='{"id": 1}', extra=''):
    return f'{{"method": "{INTERFACE}.{method}", "parameters": {parameters}{extra}}}'.encode() + b'\0'


NOT_MESSAGES = [
    b'\0', b'\0\0\0', b' \0', b'x\0', b'{\0', b'}\0', b'{}\0', b'[]\0', b'null\0', b'1\0', b'"text"\0', b'{"method"}\0',
    b'{"method": 1}\0', b'{"method": null}\0', b'{"method": ""}\0', b'{"method": "x"}\0', b'{"method": "."}\0',
    b'{"method": "a."}\0', b'{"method": ".a"}\0', b'{"method": "no.such.Interface"}\0',
    b'{"method": "io.corral.Jobs"}\0', b'{"method": "io.corral.Jobs."}\0',
    b'{"method": "io.corral.Jobs.NoSuchMethod"}\0',
    b'{"method": "io.corral.Jobs.GetStatus"} {}\0', b'{"method": "io.corral.Jobs.GetStatus"}x\0',
    b"{'method': 'io.corral.Jobs.GetStatus'}\0",
    b'\xef\xbb\xbf{"method": "io.corral.Jobs.GetStatus"}\0',
    message(parameters='[]'), message(parameters='1'), message(parameters='"text"'),
    message(extra=', "more": 1'), message(extra=', "more": "true"'), message(extra=', "oneway": []'),
]


@test
def not_messages(agent):
    for data in NOT_MESSAGES:
        provoke(agent, data)


@test
def truncated(agent):
    whole = message('QueueJob', json.dumps({'job': agent.spec('true')}))
    jobs = agent.status()['jobs']['total']
    for length in sorted(random.sample(range(len(whole)), 40)):
        with Unharmed(agent), agent.client() as client:
            client.send_bytes(whole[:length])
            client.socket.shutdown(socket.SHUT_WR)
            assert client.receive_raw() is None
    assert agent.status()['jobs']['total'] == jobs


@test
def huge(agent):
    """One byte beyond the limit is too much, wherever it comes; the limit itself is not."""
    fill = MESSAGE_MAX - len(message('GetParameters', '{"names": [""]}'))
    for excess, error in (0, f'{INTERFACE}.NoSuchParameter'), (1, 'org.varlink.service.InvalidParameter'):
        data = message('GetParameters', json.dumps({'names': ['x' * (fill + 1 + excess)]}))  # the NUL does not count
        assert len(data) == MESSAGE_MAX + 1 + excess and provoke(agent, data) == error
    for filler in b'x', b' ', b'[', b'{"a":':
        provoke(agent, filler * (MESSAGE_MAX * 2 // len(filler)))
        provoke(agent, filler * (MESSAGE_MAX * 2 // len(filler)) + b'\0')


@test
def nested(agent):
    for depth in 33, 100, 100000:
        provoke(agent, message(parameters='{"id":' + '[' * depth + ']' * depth + '}'))
        provoke(agent, message(parameters='{"a":' * depth + '1' + '}' * depth))


@test
def invalid_text(agent):
    for text in (b'\xff', b'\xc0\x80', b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\xe2\x82', b'\x80', b'\xc3', b'\x01',
                 b'\\u0000', b'\\ud800', b'\\x', b'a\nb'):
        data = b'{"method": "io.corral.Jobs.CancelJobs", "parameters": {"jobs": [], "message": "' + text + b'"}}\0'
        provoke(agent, data)
        provoke(agent, b'{"method": "io.corral.Jobs.GetJob", "parameters": {"' + text + b'": 1, "id": 1}}\0')


@test
def duplicate_keys(agent):
    provoke(agent, message(parameters='{"id": 1, "id": 2}'))
    provoke(agent, message(extra=', "method": "io.corral.Jobs.GetStatus"'))
    provoke(agent, message(extra=', "parameters": {}'))


@test
def numbers_out_of_range(agent):
    for number in ('9223372036854775808', '-9223372036854775809', '1e3', '1.5', '1' + '0' * 400, '-0.0', 'NaN', '01'):
        provoke(agent, message(parameters=f'{{"id": {number}}}'))
    for number in 9223372036854775807, -9223372036854775808, -1, 0:
        expect('NoSuchJob', agent.job, number)
    job = agent.add('true')
    for number in 0, -1, 1 << 32, (1 << 32) + 1, 1 << 62:
        result = agent.call('CancelTasks', tasks=[{'job': job, 'task': number}])['results'][0]
        assert result['error'] == 'NoSuchTask', result
        expect('NoSuchTask', agent.listed, 'GetOutput', 'data', job=job, task=number)


def refused_spec(agent, **spec):
    """The error for a JobSpec that must be refused."""
    with agent.client('nobody') as client:
        try:
            client.call('AddJob', job=spec)
        except Refused as error:
            return error.name
    raise AssertionError(f'accepted: {str(spec)[:200]}')


@test
def jobs_that_make_no_sense(agent):
    for spec in ({'minSlots': 0}, {'minSlots': -1}, {'minSlots': 1 << 33}, {'minSlots': 2, 'maxSlots': 1},
                 {'maxSlots': 0}, {'runTimeLimit': -1}, {'gracePeriod': -1}, {'gracePeriod': 1 << 62}, {'umask': -1},
                 {'umask': 512}, {'environment': ['NAME']}, {'environment': ['=value']}, {'environment': ['']},
                 {'processLimits': {'nofile': -1}}, {'processLimits': {'': 1}}, {'limits': {'memoryMax': -1}},
                 {'tasks': [{'command': []}]}, {'tasks': [{'command': ['']}]},
                 {'tasks': [{'command': ['true'], 'workDirectory': 'relative'}]},
                 {'tasks': [{'command': ['true'], 'workDirectory': ''}]},
                 {'tasks': [{'command': ['true'], 'runTimeLimit': -5}]},
                 {'tasks': [{'command': ['x' * 200000]}]}, {'tasks': [{'command': ['x'] * 5000}]},
                 {'tasks': [{'command': ['true'], 'stdout': 'x' * 5000}]}, {'user': ''}):
        if 'tasks' not in spec:
            spec['tasks'] = [task('true')]
        refused_spec(agent, **spec)
    # Reserved for the agent: what a task may rely on.
    refused_spec(agent, tasks=[task('true')], environment=['CORRAL_JOB_ID=1'])
    assert refused_spec(agent, name='x' * 81) == 'TooLong'
    assert refused_spec(agent, tasks=[{'command': ['true'], 'name': 'x' * 81}]) == 'TooLong'
    agent.call('AddJob', job={'name': '漢' * 80, 'tasks': [{'command': ['true'], 'name': '𝄞' * 80}]})
    assert agent.status()['jobs']['total'] == 1


@test
def wrong_types(agent):
    """Every kind of value in the place of every other one."""
    values = ['null', 'true', '1', '1.5', '"x"', '[]', '{}', '[1]', '["x"]', '{"x": 1}', '[null]', '[[]]']
    fields = {'GetJob': ['id'], 'CancelJobs': ['jobs', 'message', 'gracePeriod', 'force', 'wait'],
              'CancelTasks': ['tasks'], 'AddJob': ['job'], 'AddJobs': ['jobs'], 'AddTasks': ['job', 'tasks'],
              'SubmitJobs': ['jobs'], 'SetParameter': ['name', 'value'], 'GetOutput': ['job', 'stream', 'follow'],
              'ListJobs': ['status', 'owner', 'limit'], 'ListTasks': ['after', 'status'], 'Watch': ['jobs', 'cursor']}
    with Unharmed(agent):
        for method, names in fields.items():
            for name in names:
                for value in values:
                    with agent.client('nobody') as client:
                        client.send_bytes(message(method, f'{{"{name}": {value}}}'))
                        assert client.receive_raw() is not None, (method, name, value)


@test
def unknown_and_missing_fields(agent):
    assert provoke(agent, message(parameters='{"id": 1, "unknown": 1}')) == 'org.varlink.service.InvalidParameter'
    assert provoke(agent, message(parameters='{}')) == 'org.varlink.service.InvalidParameter'
    assert provoke(agent, message(parameters='{"id": null}')) == 'org.varlink.service.InvalidParameter'
    assert provoke(agent, message('AddJob', '{"job": {"tasks": [{}]}}')) == 'org.varlink.service.InvalidParameter'
    assert provoke(agent, message('NoSuchMethod')) == 'org.varlink.service.MethodNotFound'
    assert provoke(agent, b'{"method": "no.such.interface.Method"}\0') == 'org.varlink.service.InterfaceNotFound'
    assert provoke(agent, message('ListJobs', '{}')) == f'{INTERFACE}.ExpectedMore'


@test
def messages_of_every_script(agent):
    """320 characters, not bytes, not UTF-16 units; combining marks count for themselves."""
    scripts = {'latin': 'x', 'greek': 'λ', 'han': '漢', 'emoji': '🐎', 'combining': '\u0301', 'hebrew': 'ש',
               'arabic': 'ب', 'right-to-left mark': '\u200f', 'joiner': '\u200d', 'noncharacter': '\ufffe'}
    jobs = {name: agent.add('true') for name in scripts}
    for name, character in scripts.items():
        error = expect('MessageTooLong', agent.call, 'CancelJobs', jobs=[jobs[name]], message=character * 321)
        assert error == {'limit': 320, 'length': 321}, (name, error)
        assert agent.job(jobs[name])['status'] == 'notSubmitted'
        text = character * 320
        agent.cancel(jobs[name], message=text)
        assert agent.job(jobs[name])['cancelMessage'] == text, name
    text = ''.join(random.choice(list(scripts.values())) for _ in range(320))
    job = agent.submit('sleep 60')
    agent.cancel_tasks(job, 1, message=text)
    assert agent.task(job)['cancelMessage'] == text
    # It survives a restart as it was.
    agent.restart()
    assert agent.task(job)['cancelMessage'] == text


@test
def a_slow_reader(agent):
    """Who does not read what it asked for hurts itself alone: the others are served, and memory is bounded."""
    for _ in range(10):
        agent.call('AddJobs', jobs=[{'name': 'x' * 80, 'tasks': [task('true')] * 20} for _ in range(100)])

    def memory():
        with open(f'/proc/{agent.process.pid}/statm', encoding='ascii') as file:
            return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')
    with Unharmed(agent):
        clients = []
        before = memory()
        for method in 'ListTasks', 'ListJobs', 'Watch':
            for _ in range(5):
                client = agent.client()
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.send(method, more=True)
                clients.append(client)
        for _ in range(50):
            agent.status()
        job = agent.submit('true')
        agent.wait_over(job)
        assert is_sanitized(agent) or memory() - before < 64 << 20, f'{before} grew to {memory()}'
        # A reader that comes back gets all of it.
        count = 0
        continues = True
        while continues:
            reply, continues = clients[0].receive()
            count += 'task' in reply
        assert count >= 20000, count
        for client in clients:
            client.close()


@test
def vanishes_in_the_middle(agent):
    agent.set(Slots=8)
    with Unharmed(agent):
        for _ in range(30):
            job = agent.submit([agent.victim, 'ignore'])
            for method, parameters in (('CancelJobs', {'jobs': [job], 'gracePeriod': 20000}),
                                       ('RequeueJobs', {'jobs': [job]}), ('Watch', {}),
                                       ('GetOutput', {'job': job, 'task': 1, 'follow': True})):
                client = agent.client()
                client.send(method, more=method in ('Watch', 'GetOutput'), **parameters)
                if random.random() < 0.5:
                    time.sleep(random.uniform(0, 0.005))
                client.close()
        wait_until(lambda: not agent.status()['jobs']['canceling'], 'the cancels are over')
        for job in agent.listed('ListJobs', 'job', status=['running', 'queued']):
            agent.cancel(job['id'])


@test
def a_thousand_connections(agent):
    """The limit of one user holds, and the other users are served."""
    with Unharmed(agent):
        clients = []
        for _ in range(1000):
            try:
                clients.append(Client(agent.socket_path, 'nobody'))
            except (ConnectionRefusedError, BlockingIOError):
                break
        served = 0
        for client in clients:
            try:
                client.send('GetStatus')
                served += client.receive_raw() is not None
            except ConnectionError:
                pass
        assert served == CONNECTIONS_PER_UID, served
        for user in 'daemon', 'games', None:
            with agent.client(user) as client:
                assert client.call('GetStatus')['connections'] >= CONNECTIONS_PER_UID
        for client in clients:
            client.close()
    with agent.client('nobody') as client:
        client.call('GetStatus')


@test
def pipelined_garbage(agent):
    """Good calls before garbage are answered; what comes after it is not taken for good."""
    with Unharmed(agent), agent.client() as client:
        client.send_bytes(message('GetStatus', '{}') * 100 + b'garbage\0' + message('GetStatus', '{}'))
        replies = 0
        while (reply := client.receive_raw()) is not None and 'error' not in reply:
            replies += 1
        assert replies == 100, replies
    generator = random.Random(random.random())
    for _ in range(50):
        data = bytearray(message('CancelJobs', '{"jobs": [1, 2, 3], "message": "x"}') * 5)
        for _ in range(generator.randrange(1, 20)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        with Unharmed(agent), agent.client('nobody') as client:
            client.send_bytes(bytes(data))
            client.socket.shutdown(socket.SHUT_WR)
            while client.receive_raw() is not None:
                pass


@test
def many_calls_at_once(agent):
    """Pipelining without reading: all are answered, in order."""
    with Unharmed(agent), agent.client() as client:
        n = 2000
        client.socket.setblocking(True)
        client.send_bytes(b''.join(message('GetJob', f'{{"id": {1000 + i}}}') for i in range(n)))
        for i in range(n):
            reply = client.receive_raw()
            assert reply['error'] == f'{INTERFACE}.NoSuchJob' and reply['parameters']['job'] == 1000 + i, reply


@test
def oneway(agent):
    """A call with oneway has its effect and no reply, not even an error."""
    job = agent.submit_victim('sleep')
    with Unharmed(agent), agent.client() as client:
        client.send('CancelJobs', oneway=True, jobs=[job], message='oneway')
        client.send('GetJob', oneway=True, id=999999)
        reply = client.call('GetStatus')
        assert 'version' in reply, reply
    assert agent.wait_over(job)['cancelMessage'] == 'oneway'


run()
