#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The clients of the chaos test: they submit, cancel and requeue, whatever happens to the agent, and write down what
they asked and what they were told (see judge.py: calls).

    load.py SOCKET CALLS WITNESS_PROGRAM WITNESS_FILE TOKEN SEED

Commands come on standard input: "go", and "rest", which is answered "resting" on standard output when every call is
answered and nothing is left that nobody has submitted. The end of the input is the end.
"""

import collections
import json
import os
import random
import select
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../integration'))
# pylint: disable=wrong-import-position
from varlink import Client, Refused

CLIENTS = 3
PENDING_MAX = 8  # of each client
LIVE_MAX = 40    # jobs that are not over: then no new ones
RECENT = 24      # jobs that are worth a cancel or a requeue
STATUS_EVERY = 0.2  # seconds
GONE = (FileNotFoundError, ConnectionError)


class Connection:
    """A connection, made again whenever the agent has gone, and the calls under way on it."""

    def __init__(self, path):
        self.path = path
        self.client = None
        self.pending = collections.deque()

    def connect(self):
        """Whether there is a connection."""
        if self.client is None:
            try:
                self.client = Client(self.path)
            except (*GONE, BlockingIOError):
                return False
        return True

    def lose(self):
        """Forgets the connection. Returns the calls that were cut off."""
        if self.client:
            self.client.close()
        self.client = None
        cut = list(self.pending)
        self.pending.clear()
        return cut


class Load:
    """What is asked, at random."""

    def __init__(self, socket_path, calls_path, witness, witness_file, token, seed):
        self.connections = [Connection(socket_path) for _ in range(CLIENTS)]
        self.log = open(calls_path, 'a', encoding='utf-8')  # pylint: disable=consider-using-with
        self.command = [witness, witness_file, witness_file + '-locks']
        self.token = token
        self.random = random.Random(f'load {seed}')
        self.n_calls = self.n_jobs = 0
        self.live = 0
        self.next_status = 0
        self.tasks = {}  # job -> number of its tasks
        self.unsubmitted = []

    def write(self, **entry):
        self.log.write(json.dumps(entry) + '\n')
        self.log.flush()

    # -- calls --

    def send(self, connection, method, **parameters):
        """Sends a call. False when the agent has gone."""
        if not connection.connect():
            return False
        self.n_calls += 1
        if method != 'GetStatus':
            self.write(call=self.n_calls, method=method, parameters=parameters)
        connection.pending.append((self.n_calls, method, parameters))
        try:
            connection.client.send(method, **parameters)
        except (*GONE, TimeoutError):
            self.lose(connection)
            return False
        return True

    def lose(self, connection):
        for number, method, _ in connection.lose():
            if method != 'GetStatus':
                self.write(call=number, cut=True)

    def drain(self, connection):
        """Takes in the replies that have come."""
        while connection.client and connection.client.ready():
            try:
                message = connection.client.receive_raw()
            except (*GONE, TimeoutError):
                message = None
            if message is None:
                self.lose(connection)
                return
            self.take(*connection.pending.popleft(), message)

    def take(self, number, method, parameters, message):
        """Takes in one reply."""
        reply = message.get('parameters') or {}
        if 'error' in message:
            name = message['error'].rpartition('.')[2]
            expected = name in ('StoreNotWritable', 'InvalidState') or reply.get('reason') == 'Too many open files'
            assert expected, (method, message)
            if method != 'GetStatus':
                self.write(call=number, error=name)
            return
        if method == 'GetStatus':
            self.live = sum(reply['jobs'][status] for status in ('queued', 'running', 'canceling'))
            return
        self.write(call=number, reply=reply)
        if method == 'QueueJob':
            self.tasks[reply['id']] = len(parameters['job']['tasks'])
        elif method == 'AddJob':
            self.tasks[reply['id']] = len(parameters['job']['tasks'])
            self.unsubmitted.append(reply['id'])
        elif method == 'QueueJobs':
            for job, spec in zip(reply['ids'], parameters['jobs']):
                self.tasks[job] = len(spec['tasks'])

    # -- what is asked --

    def task(self):
        choose = self.random
        msec = choose.choice([0, choose.randrange(20), choose.randrange(150), choose.randrange(150)])
        if choose.random() < 0.06:
            msec = choose.randrange(2500)
        end = choose.choice(['exit:0', 'exit:0', f'exit:{choose.randrange(1, 200)}'])
        if choose.random() < 0.08:
            end = f'signal:{choose.choice([9, 10, 15])}'
        command = self.command + [str(msec), end]
        if choose.random() < 0.15:
            command.append(str(choose.randrange(1, 4)))
        task = {'command': command, 'workDirectory': '/', 'environment': [self.token]}
        if choose.random() < 0.8:
            task['stdout'] = '/dev/null'
        if choose.random() < 0.05:
            task['runTimeLimit'] = choose.randrange(100000)
        return task

    def spec(self):
        self.n_jobs += 1
        spec = {'name': f'chaos {self.n_jobs}', 'tasks': [self.task() for _ in range(self.random.choice([1, 1, 2, 3]))]}
        if self.random.random() < 0.05:
            spec['runTimeLimit'] = self.random.randrange(200000)
        if self.random.random() < 0.1:
            spec['gracePeriod'] = self.random.randrange(50000)
        return spec

    def make(self, connection):
        choice = self.random.random()
        if choice < 0.7:
            self.send(connection, 'QueueJob', job=self.spec())
        elif choice < 0.85:
            self.send(connection, 'QueueJobs', jobs=[self.spec() for _ in range(self.random.randrange(1, 4))])
        else:
            self.send(connection, 'AddJob', job=self.spec())

    def options(self):
        options = {'message': f'message {self.n_calls}'}
        if self.random.random() < 0.3:
            options['gracePeriod'] = self.random.randrange(60000)
        if self.random.random() < 0.2:
            options['force'] = True
        if self.random.random() < 0.3:
            options['wait'] = False
        return options

    def act(self, connection):
        recent = list(self.tasks)[-RECENT:]
        if self.unsubmitted and self.random.random() < 0.3:
            self.send(connection, 'SubmitJobs', jobs=[self.unsubmitted.pop()])
        elif self.live < LIVE_MAX and (not recent or self.random.random() < 0.6):
            self.make(connection)
        elif recent:
            self.disturb(connection, recent)

    def disturb(self, connection, recent):
        jobs = self.random.sample(recent, min(len(recent), self.random.choice([1, 1, 1, 2])))
        tasks = [{'job': job, 'task': self.random.randint(1, self.tasks[job])} for job in jobs]
        choice = self.random.random()
        if choice < 0.35:
            self.send(connection, 'CancelJobs', jobs=jobs, **self.options())
        elif choice < 0.55:
            self.send(connection, 'CancelTasks', tasks=tasks, **self.options())
        elif choice < 0.85:
            self.send(connection, 'RequeueJobs', jobs=jobs)
        else:
            self.send(connection, 'RequeueTasks', tasks=tasks)

    def turn(self):
        """Asks something and takes in what was answered."""
        connection = self.random.choice(self.connections)
        if time.monotonic() > self.next_status:
            self.next_status = time.monotonic() + STATUS_EVERY
            self.send(connection, 'GetStatus')
        elif len(connection.pending) < PENDING_MAX:
            self.act(connection)
        for other in self.connections:
            self.drain(other)

    # -- rest --

    def submit_the_rest(self):
        """What was added and not submitted, also when nobody was told its number. False when it has to be tried
        again."""
        try:
            with Client(self.connections[0].path) as client:
                found = client.listed('ListJobs', 'job', status=['notSubmitted'])
        except (*GONE, Refused):
            return False
        if found:
            self.send(self.connections[0], 'SubmitJobs', jobs=[job['id'] for job in found])
        self.unsubmitted.clear()
        return not found

    def rest(self):
        """One step towards rest. Whether it is reached."""
        for connection in self.connections:
            self.drain(connection)
        if any(connection.pending for connection in self.connections) or not self.submit_the_rest():
            return False
        for connection in self.connections:
            self.lose(connection)
        return True


def main():
    load = Load(*sys.argv[1:])
    going, resting = False, False
    while True:
        if select.select([sys.stdin], [], [], None if not going and not resting else 0)[0]:
            command = sys.stdin.readline().strip()
            if not command:
                return
            going, resting = command == 'go', command == 'rest'
        if going:
            load.turn()
            time.sleep(load.random.uniform(0, 0.008))
        elif load.rest():
            resting = False
            print('resting', flush=True)
        else:
            time.sleep(0.02)


if __name__ == '__main__':
    main()
