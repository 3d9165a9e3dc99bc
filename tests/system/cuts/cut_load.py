#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client whose machine loses its power: the load of the chaos test, which tells what it knows to another machine.

    cut_load.py SOCKET WITNESS_PROGRAM WITNESS_FILE NAME SEED

On standard output, JSON, one a line, are the calls as judge.py reads them, and {entry} for each transition that it was
told of. Each call is only made when a line has come on standard input: by then somebody who stays knows of it.
"""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../chaos'))
# pylint: disable=wrong-import-position
from load import Load  # first: it knows where the modules are that it needs
from varlink import Client

DURABLE = 'WITNESS_DURABLE=1'  # by which the processes of jobs can be told, too
KNOWN_JOBS = 12
LONG = 0.15       # the part of the tasks that are likely to run when the power goes
PAUSE_MAX = 0.06  # seconds between calls
OVER = ('finished', 'failed', 'canceled')


class CutLoad(Load):
    """What one user asks between two cuts."""

    def __init__(self, socket_path, witness, witness_file, name, seed):
        super().__init__(socket_path, os.devnull, witness, witness_file, DURABLE, seed)
        self.name = name
        self.watcher = Client(socket_path)
        self.remember()
        self.watcher.send('Watch', more=True)
        self.to_ask = []  # jobs that are over, as the watcher was told

    def write(self, **entry):
        print(json.dumps(entry), flush=True)
        if 'method' in entry and not sys.stdin.readline():
            sys.exit(0)

    def remember(self):
        """The jobs of before the cut are there to be canceled and requeued, too."""
        mine = self.watcher.listed('ListJobs', 'job', owner=str(os.getuid()))[-KNOWN_JOBS:]
        self.tasks = {job['id']: job['tasks']['total'] for job in mine}
        self.unsubmitted = [job['id'] for job in mine if job['status'] == 'notSubmitted']

    # -- what is asked --

    def task(self):
        task = super().task()
        if self.random.random() < LONG:
            task['command'][3] = str(self.random.randrange(2000, 30000))
        if self.random.random() < 0.2:
            task['rerunnable'] = False
        if self.random.random() < 0.5:
            task.pop('stdout', None)
        return task

    def spec(self):
        spec = super().spec()
        spec['name'] = f'{self.name} {self.n_jobs}'
        return spec

    # -- what is told --

    def watch(self):
        """Takes in transitions, and has whole records told of what is over."""
        while self.watcher.ready():
            entry = self.watcher.receive()[0].get('entry')
            if not entry:
                continue
            self.write(entry=entry)
            if entry['task'] is None and entry['to'] in OVER and entry['from'] != entry['to']:
                self.to_ask.append(entry['job'])
        while self.to_ask and len(self.connections[0].pending) < 2:
            self.send(self.connections[0], 'GetJob', id=self.to_ask.pop(0))


def main():
    load = CutLoad(*sys.argv[1:])
    while True:
        load.turn()
        load.watch()
        time.sleep(load.random.uniform(0, PAUSE_MAX))


if __name__ == '__main__':
    main()
