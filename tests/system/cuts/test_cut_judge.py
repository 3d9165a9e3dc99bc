#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests cut_judge.py: that it has nothing to say against a true story, and that each lie is found by its name."""

import copy
import json
import re
import sqlite3
import sys
import tempfile
import unittest
from pathlib import Path

import cut_judge

HERE = Path(__file__).parent
SCHEMA = HERE.parents[2] / 'agent/store-schema.c'
sys.path.insert(1, str(HERE.parents[1] / 'chaos'))

# pylint: disable=wrong-import-position
from test_judge import World  # noqa: E402


class CutWorld(World):
    """The story of the chaos test, with clients who were told of it."""

    def job(self, number, status, tasks, runs=1):
        super().job(number, status, tasks, runs)
        for task in self.calls[-2]['parameters']['job']['tasks'] + self.jobs[number]['tasks']:
            task['command'] = ['true']
        self.jobs[number]['job']['submitTime'] = 1
        for entry in self.jobs[number]['history']:
            entry['seq'] += 100 * number

    def tell(self):
        super().tell()
        self.job(20, 'running', [[('running', None, None, None, 1)]])
        self.ran('20.1.1')
        for part in (self.jobs[20]['job'], self.task(20), self.attempt(20)):
            part['endTime'] = None
        self.call('SubmitJobs', {'jobs': [20]}, reply={})
        self.entries = copy.deepcopy(self.jobs[1]['history'])
        for job in (1, 3, 5):
            told = {name: copy.deepcopy(self.jobs[job][name]) for name in ('job', 'tasks', 'attempts')}
            self.call('GetJob', {'id': job}, reply=told)

    def write(self, directory):
        super().write(directory)
        Path(directory, 'entries').write_text(''.join(json.dumps(entry) + '\n' for entry in self.entries),
                                              encoding='utf-8')

    def judged(self, before=None):
        with tempfile.TemporaryDirectory() as directory:
            self.write(directory)
            judge = cut_judge.CutJudge(directory)
            judge.run()
            if before:
                judge.compare(before)
            return {line.partition(':')[0] for line in judge.complaints}

    def answers(self):
        return {'jobs': copy.deepcopy(list(self.jobs.values()))}


def runs_again(world):
    world.task(5).update(status='running', attempt=3, endTime=None, exitCode=None)
    world.jobs[5]['job'].update(status='running', endTime=None)
    world.jobs[5]['attempts'].append({**world.attempt(5, 1), 'attempt': 3, 'status': 'running', 'waitStatus': None,
                                      'exitCode': None, 'cause': None, 'endTime': None})


LIES = [
    ('submission-lost', lambda w: w.jobs.pop(1)),
    ('submission-lost', lambda w: w.task(1).update(command=['false'])),
    ('submission-lost', lambda w: w.jobs[20]['job'].update(submitTime=None)),
    ('transition-lost', lambda w: w.jobs[1]['history'].pop()),
    ('transition-lost', lambda w: w.jobs[1]['history'][0].update(seq=99)),
    ('record-lost', lambda w: w.jobs.pop(5)),
    ('record-lost', lambda w: w.jobs[1]['job'].update(endTime=10)),
    ('record-lost', lambda w: w.attempt(5, 1).update(endTime=10)),
    ('record-lost', lambda w: w.task(1, 1).update(exitCode=6)),
    ('record-lost', runs_again),
    ('ran-after-finished', runs_again),
    ('half-done', lambda w: w.task(1, 1).update(status='running')),
    ('half-done', lambda w: w.attempt(1, 1).update(status='running')),
    ('half-done', lambda w: w.jobs[20]['attempts'].pop()),
    ('half-done', lambda w: w.task(20).update(status='queued')),
    ('half-done', lambda w: w.jobs[20]['job'].update(status='finished')),
    ('half-done', lambda w: w.jobs[20]['job'].update(status='queued')),
]


class Judging(unittest.TestCase):
    """Truth and lies."""

    def test_nothing_is_said_against_the_truth(self):
        world = CutWorld()
        before = world.answers()
        self.assertEqual(world.judged(), set())
        # The agent of the next boot.
        del world.status['tasks']
        world.faults.append({'what': 'power cut', 'running': [[20, 1, 1]]})
        world.attempt(20).update(status='failed', cause='hostRestarted', endTime=9)
        world.task(20)['status'] = 'queued'
        world.jobs[20]['job']['tasks'].update(running=0, queued=1)
        world.jobs[20]['history'].append({'seq': 3000, 'task': 1, 'from': 'running', 'to': 'queued'})
        self.assertEqual(world.judged(before), set())

    def test_each_lie_is_found(self):
        for number, (name, doctor) in enumerate(LIES):
            with self.subTest(lie=f'{number}: {name}'):
                world = CutWorld()
                doctor(world)
                self.assertIn(name, world.judged())

    def test_what_an_agent_may_not_change(self):
        for name, doctor in (('forgotten', lambda w: w.jobs.pop(6)),
                             ('rewritten', lambda w: w.attempt(6).update(endTime=10)),
                             ('rewritten', lambda w: w.jobs[6]['job'].update(status='queued')),
                             ('rewritten', lambda w: w.jobs[6]['history'].pop(0))):
            with self.subTest(name):
                world = CutWorld()
                before = world.answers()
                doctor(world)
                self.assertIn(name, world.judged(before))

    def test_what_ran_does_not_run_on(self):
        world = CutWorld()
        self.assertEqual(world.judged(world.answers()), {'runs-on'})

    def test_a_requeue_excuses_a_change(self):
        world = CutWorld()
        world.jobs[1]['job'].update(status='queued', endTime=None)
        self.assertIn('record-lost', world.judged())
        world.call('RequeueJobs', {'jobs': [1]}, cut=True)
        self.assertNotIn('record-lost', world.judged())


class Reading(unittest.TestCase):
    """Stores."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name, 'corral.db')
        source = SCHEMA.read_text(encoding='utf-8').partition('version_1[] =')[2].partition(';\n\n')[0]
        self.execute(''.join(re.findall(r'"(.*)"', source)))
        self.insert('jobs', id=7, name='seven', status=2, tasks=1, runs=1, owner='alice', user='alice', spec='{}')
        self.insert('tasks', job=7, id=1, status=2, attempt=1, exit_code=-1, rerunnable=1,
                    spec='{"command": ["true"]}')
        self.insert('attempts', job=7, task=1, attempt=1, run=1, status=2, boot_id='x')
        self.insert('history', sequence=3, job=7, from_status=-1, to_status=1, cause='added', actor='alice')
        self.execute('UPDATE totals SET jobs_running = 1, tasks_running = 1')

    def execute(self, script):
        store = sqlite3.connect(self.path)
        store.executescript(script)
        store.close()

    def insert(self, table, **values):
        store = sqlite3.connect(self.path)
        for _, name, kind, mandatory, _, _ in store.execute(f'PRAGMA table_info({table})'):
            if mandatory and name not in values:
                values[name] = '' if kind == 'TEXT' else 0
        store.execute(f'INSERT INTO {table} ({",".join(values)}) VALUES ({",".join("?" * len(values))})',
                      list(values.values()))
        store.commit()
        store.close()

    def test_answers(self):
        answers = cut_judge.read_store(self.path)
        job = answers['jobs'][0]
        self.assertEqual((job['job']['status'], job['job']['tasks']['running'], answers['status']['jobs']['running']),
                         ('running', 1, 1))
        self.assertEqual((job['tasks'][0]['command'], job['tasks'][0]['exitCode']), (['true'], None))
        self.assertEqual((job['history'][0]['from'], job['history'][0]['to']), (None, 'queued'))
        self.assertEqual(cut_judge.running(answers), [[7, 1, 1]])

    def test_damage(self):
        for script in ('DELETE FROM tasks', 'DELETE FROM jobs', 'UPDATE jobs SET tasks = 2'):
            with self.subTest(script):
                self.setUp()
                self.execute(script)
                with self.assertRaises(cut_judge.Damaged):
                    cut_judge.read_store(self.path)
        self.setUp()
        data = bytearray(self.path.read_bytes())
        data[4096:] = bytes(len(data) - 4096)
        self.path.write_bytes(data)
        with self.assertRaises(cut_judge.Damaged):
            cut_judge.read_store(self.path)


if __name__ == '__main__':
    unittest.main()
