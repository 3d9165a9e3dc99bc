#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests judge.py: that it has nothing to say against a true story, and that each lie is found by its name."""

import collections
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import judge

HERE = Path(__file__).parent
COUNTS = dict.fromkeys(judge.STATUSES, 0)


class World:
    """A true story of some jobs, to be doctored before it is judged."""

    def __init__(self):
        self.witness, self.calls, self.faults, self.jobs = [], [], [], {}
        self.looks = [self.look('before'), self.look('after 25 rounds')]
        self.status = {'slotsInUse': 0}
        self.n_calls = 0
        self.tell()

    @staticmethod
    def look(when):
        return {'when': when, 'processes': [], 'cgroups': [], 'frozen': [], 'reapers': [], 'files': [],
                'outputs': ['1.1.1.1.stdout'], 'descriptors': {'agent': 20, 'launcher': 9}}

    # -- the story --

    def call(self, method, parameters, **answer):
        self.n_calls += 1
        self.calls += [{'call': self.n_calls, 'method': method, 'parameters': parameters},
                       {'call': self.n_calls, **answer}]

    def job(self, number, status, tasks, runs=1):
        """A job that was submitted; tasks: of each its attempts as (status, cause, code, signal, run)."""
        name = f'chaos {number}'
        self.call('QueueJob', {'job': {'name': name, 'tasks': [{} for _ in tasks]}}, reply={'id': number})
        entry = {'job': {'id': number, 'name': name, 'status': status, 'cause': None, 'runs': runs, 'endTime': 9,
                         'cancelMessage': None}, 'tasks': [], 'attempts': [], 'history': [], 'output': {}}
        for task, attempts in enumerate(tasks, 1):
            for attempt, (now, why, code, signal, run) in enumerate(attempts, 1):
                entry['attempts'].append({
                    'job': number, 'run': run, 'task': task, 'attempt': attempt, 'status': now, 'cause': why,
                    'exitCode': code, 'signal': signal, 'errorMessage': None, 'endTime': 9, 'stdoutSize': None,
                    'startTime': None if why == 'systemError' else 8,
                    'waitStatus': code << 8 if code is not None else signal})
            entry['tasks'].append({'id': task, 'status': now, 'cause': why, 'exitCode': code, 'signal': signal,
                                   'attempt': len(attempts), 'endTime': 9, 'rerunnable': True})
        counts = collections.Counter(task['status'] for task in entry['tasks'])
        entry['job']['tasks'] = {**COUNTS, **counts, 'total': len(tasks)}
        for task in (None, *range(1, len(tasks) + 1)):
            now = status if task is None else entry['tasks'][task - 1]['status']
            entry['history'] += [{'seq': 0, 'task': task, 'from': None, 'to': 'queued'},
                                 {'seq': 0, 'task': task, 'from': 'queued', 'to': now}]
        for sequence, line in enumerate(entry['history'], 1):
            line['seq'] = sequence
        self.jobs[number] = entry

    def ran(self, key, end=None):
        self.witness.append(f'{key} start 4711')
        if end:
            self.witness.append(f'{key} {end}')

    def tell(self):
        """What happened."""
        self.job(1, 'failed', [[('finished', 'exited', 0, None, 1)], [('failed', 'exited', 7, None, 1)]])
        self.ran('1.1.1', 'exit 0')
        self.ran('1.2.1', 'exit 7')
        self.jobs[1]['output']['1.1'] = '1.1.1\n'
        self.jobs[1]['attempts'][0]['stdoutSize'] = 6
        # Canceled after it had told its end and before it had exited.
        self.job(2, 'canceled', [[('failed', 'jobCanceled', None, 9, 1)]])
        self.ran('2.1.1', 'exit 3')
        self.call('CancelJobs', {'jobs': [2], 'message': 'enough'},
                  reply={'results': [{'job': 2, 'task': None, 'status': 'canceled', 'error': None}]})
        self.jobs[2]['job']['cancelMessage'] = 'enough'
        self.job(3, 'finished', [[('canceled', 'requeued', None, 9, 1), ('finished', 'exited', 0, None, 2)]], runs=2)
        self.ran('3.1.1')
        self.call('RequeueJobs', {'jobs': [3]},
                  reply={'results': [{'job': 3, 'task': None, 'status': 'queued', 'error': None}]})
        self.ran('3.1.2', 'exit 0')
        # Its reaper was killed before it had told anything.
        self.job(4, 'failed', [[('failed', 'lost', None, None, 1)]])
        self.ran('4.1.1', 'exit 5')
        self.faults.append({'what': 'reaper', 'attempt': [4, 1, 1, 1], 'certain': True})
        self.job(5, 'finished', [[('canceled', 'systemError', None, None, 1), ('finished', 'exited', 0, None, 1)]])
        self.ran('5.1.2', 'exit 0')
        # Somebody killed it, and another one killed itself.
        self.job(6, 'failed', [[('failed', 'signaled', None, 9, 1)], [('failed', 'signaled', None, 10, 1)]])
        self.ran('6.1.1', 'exit 4')
        self.ran('6.2.1', 'signal 10')
        self.faults.append({'what': 'task', 'attempt': [6, 1, 1]})
        self.job(7, 'finished', [[('canceled', 'taskCanceled', None, 15, 1)]])
        self.ran('7.1.1')
        self.call('CancelTasks', {'tasks': [{'job': 7, 'task': 1}]},
                  reply={'results': [{'job': 7, 'task': 1, 'status': 'canceled', 'error': None}]})
        # The reaper was killed, perhaps too late: this time the record was there.
        self.job(8, 'failed', [[('failed', 'exited', 8, None, 1)]])
        self.ran('8.1.1', 'exit 8')
        self.faults.append({'what': 'reaper', 'attempt': [8, 1, 1, 1], 'certain': False})
        # The power went: one task ran again, another one had done so too often, a third one was being canceled.
        self.job(9, 'failed', [[('failed', 'hostRestarted', None, None, 1), ('finished', 'exited', 0, None, 1)],
                               [('failed', 'hostRestarted', None, None, 1)] * 4,
                               [('canceled', 'taskCanceled', None, None, 1)]])
        for key in ('9.1.1', '9.2.1', '9.2.2', '9.2.3', '9.2.4', '9.3.1'):
            self.ran(key)
            self.faults.append({'what': 'power cut', 'running': [list(map(int, key.split('.')))]})
        self.ran('9.1.2', 'exit 0')
        self.call('CancelTasks', {'tasks': [{'job': 9, 'task': 3}]}, cut=True)
        self.call('QueueJob', {'job': {'name': 'refused', 'tasks': [{}]}}, error='StoreNotWritable')
        self.call('QueueJob', {'job': {'name': 'cut off', 'tasks': [{}]}}, cut=True)
        self.faults += [{'what': 'agent'}, {'what': 'ended', 'who': 'agent', 'status': 1, 'short': True}]

    # -- doctoring --

    def attempt(self, job, number=0):
        return self.jobs[job]['attempts'][number]

    def task(self, job, number=0):
        return self.jobs[job]['tasks'][number]

    def hush(self, line):
        """Has the witness be silent about something."""
        self.witness.remove(line)

    def set_end(self, job, number=0, **fields):
        """Changes an attempt, and its task with it."""
        attempt = self.attempt(job, number)
        attempt.update(fields)
        self.task(job, attempt['task'] - 1).update({name: attempt[name] for name in ('exitCode', 'signal')})

    def write(self, directory):
        """The files that the judge reads."""
        entries = self.jobs.values()
        statuses = {'jobs': [entry['job']['status'] for entry in entries],
                    'tasks': [task['status'] for entry in entries for task in entry['tasks']]}
        for name, found in statuses.items():
            self.status.setdefault(name, {**COUNTS, **collections.Counter(found), 'total': len(found)})
        for name in ('calls', 'faults', 'looks'):
            lines = ''.join(json.dumps(line) + '\n' for line in getattr(self, name))
            Path(directory, name).write_text(lines, encoding='utf-8')
        Path(directory, 'witness').write_text(''.join(line + '\n' for line in self.witness), encoding='utf-8')
        answers = {'status': self.status, 'jobs': list(entries)}
        Path(directory, 'answers').write_text(json.dumps(answers), encoding='utf-8')

    def judged(self):
        """The names of what the judge complains about."""
        with tempfile.TemporaryDirectory() as directory:
            self.write(directory)
            return {line.partition(':')[0] for line in judge.Judge(judge.Evidence(directory)).run()}


def renamed(world, job, name):
    world.jobs[job]['job']['name'] = name


def not_over(world):
    for part in (world.jobs[1]['job'], world.task(1, 1), world.attempt(1, 1)):
        part['status'] = 'running'


def ran_again(world):
    """Task 5.1 has finished, and ran once more."""
    extra = {**world.attempt(5, 1), 'attempt': 3}
    world.jobs[5]['attempts'].append(extra)
    world.task(5)['attempt'] = 3
    world.ran('5.1.3', 'exit 0')


# The judgement, and the lie. What else is found because of the same lie does not matter.
LIES = [
    # the witness
    ('witness-odd', lambda w: w.witness.append('1.1.1 sta')),
    ('witness-odd', lambda w: w.witness.append('1.1.1 exit 0')),
    ('started-twice', lambda w: w.ran('1.1.1')),
    ('overlap', lambda w: w.witness.append('3.1.2 overlap 4712')),
    ('not-on-record', lambda w: w.ran('1.1.2', 'exit 0')),
    ('not-on-record', lambda w: w.jobs.pop(6)),
    ('out-of-order', lambda w: (w.hush('5.1.2 start 4711'), w.ran('5.1.2'), w.ran('5.1.1'))),
    # exits
    ('exit-invented', lambda w: w.set_end(4, cause='exited', exitCode=0, waitStatus=0, status='finished')),
    ('exit-invented', lambda w: w.set_end(1, 1, exitCode=0, waitStatus=0)),
    ('exit-invented', lambda w: w.set_end(6, cause='exited', signal=None, exitCode=1, waitStatus=256)),
    ('exit-invented', lambda w: w.task(2).update(exitCode=3)),
    ('exit-invented', lambda w: w.hush('1.2.1 exit 7')),
    ('exit-lost', lambda w: w.set_end(1, 1, cause='jobCanceled', exitCode=None, waitStatus=None)),
    ('exit-lost', lambda w: w.set_end(2, signal=None, waitStatus=None)),
    ('lost-without-kill', lambda w: w.set_end(1, 1, cause='lost', exitCode=None, waitStatus=None)),
    ('lost-without-kill', lambda w: w.faults.pop(0)),
    ('killed-reaper-number', lambda w: w.set_end(4, cause='exited', exitCode=5, waitStatus=5 << 8)),
    ('signal-invented', lambda w: w.faults.pop(1)),
    ('signal-invented', lambda w: w.set_end(6, 1, signal=11, waitStatus=11)),
    ('signal-invented', lambda w: w.set_end(2, signal=11, waitStatus=11)),
    ('stopped-by-nobody', lambda w: w.set_end(6, cause='jobCanceled')),
    ('stopped-by-nobody', lambda w: w.attempt(6).update(cause='taskRunTime')),
    ('stopped-by-nobody', lambda w: w.attempt(3).update(cause='jobRunTime')),
    ('known-after-cut', lambda w: w.set_end(9, 2, cause='exited', exitCode=0, waitStatus=0)),
    ('cut-hidden', lambda w: w.set_end(9, 5, cause='lost')),
    ('restart-invented', lambda w: w.set_end(4, cause='hostRestarted')),
    ('restart-invented', lambda w: w.set_end(9, 0, status='canceled')),
    ('retry-wrong', lambda w: w.task(9, 1).update(status='queued', cause=None)),
    ('retry-wrong', lambda w: w.attempt(9, 2).update(run=2)),
    ('exit-lost', lambda w: w.set_end(1, 1, cause='hostRestarted', exitCode=None, waitStatus=None)),
    ('ran-and-never-launched', lambda w: w.witness.insert(0, '5.1.1 start 1')),
    ('failed-to-launch', lambda w: w.attempt(5).update(status='failed')),
    ('failed-to-launch', lambda w: w.attempt(6).update(cause='launchFailed')),
    # runs
    ('ran-after-finished', ran_again),
    # calls
    ('submission-lost', lambda w: w.jobs.pop(1)),
    ('submission-lost', lambda w: renamed(w, 1, 'cut off')),
    ('submission-lost', lambda w: w.jobs[1]['tasks'].pop()),
    ('submission-lost', lambda w: w.calls[1].update(reply={'ids': []})),
    ('job-invented', lambda w: renamed(w, 1, 'who?')),
    ('job-invented', lambda w: renamed(w, 1, 'chaos 2')),
    ('cancel-lost', lambda w: w.jobs[2]['job'].update(status='finished')),
    ('cancel-lost', lambda w: w.jobs[2]['job'].update(cancelMessage='other')),
    ('cancel-lost', lambda w: w.task(7).update(status='failed')),
    ('requeue-lost', lambda w: w.jobs[3]['job'].update(runs=1)),
    ('requeue-lost', lambda w: w.jobs[1]['job'].update(runs=2)),
    # records
    ('not-over', not_over),
    ('records-disagree', lambda w: w.jobs[1]['job'].update(endTime=None)),
    ('records-disagree', lambda w: w.jobs[1]['job'].update(status='finished')),
    ('records-disagree', lambda w: w.jobs[5]['attempts'].pop(0)),
    ('records-disagree', lambda w: w.task(3).update(exitCode=None)),
    ('records-disagree', lambda w: w.attempt(1).update(status='failed')),
    ('records-disagree', lambda w: w.attempt(1, 1).update(waitStatus=7)),
    ('records-disagree', lambda w: w.attempt(1, 1).update(signal=9)),
    ('records-disagree', lambda w: w.attempt(6).update(status='finished')),
    ('history', lambda w: w.jobs[1]['history'].pop()),
    ('history', lambda w: w.jobs[1]['history'][1].update({'from': 'running'})),
    ('history', lambda w: w.jobs[1]['history'][1].update(seq=1)),
    ('totals', lambda w: w.jobs[1]['job']['tasks'].update(finished=2)),
    ('totals', lambda w: w.status.update(jobs={**COUNTS, 'total': 8})),
    ('totals', lambda w: w.status.update(tasks={**COUNTS, 'total': 10})),
    ('totals', lambda w: w.status.update(slotsInUse=1)),
    ('output-mixed', lambda w: w.jobs[1]['output'].update({'1.1': '1.2.1\n'})),
    ('output-lost', lambda w: w.jobs[1]['output'].update({'1.1': ''})),
    ('output-lost', lambda w: w.jobs[1]['output'].clear()),
    # what is left
    ('not-looked', lambda w: w.looks.clear()),
    ('process-left', lambda w: w.looks[1]['processes'].append(1)),
    ('cgroup-left', lambda w: w.looks[1]['cgroups'].append('/x/jobs/1.1')),
    ('frozen-left', lambda w: w.looks[1]['frozen'].append('/x/jobs/1.1')),
    ('reaper-left', lambda w: w.looks[1]['reapers'].append(1)),
    ('file-left', lambda w: w.looks[1]['files'].append('new.7')),
    ('output-left', lambda w: w.looks[1]['outputs'].append('1.1.1.2.stdout')),
    ('descriptors-grew', lambda w: w.looks[1]['descriptors'].update(launcher=10)),
    ('ended-by-itself', lambda w: w.faults.append({'what': 'ended', 'who': 'agent', 'status': 1, 'short': False})),
    ('ended-by-itself', lambda w: w.faults.append({'what': 'ended', 'who': 'launcher', 'status': -11, 'short': True})),
]


class Judging(unittest.TestCase):
    """Truth and lies."""

    def test_nothing_is_said_against_the_truth(self):
        self.assertEqual(World().judged(), set())

    def test_the_program_tells_by_its_exit_status(self):
        for lie, status in ((None, 0), ('1.2.1 exit 7', 1)):
            world = World()
            if lie:
                world.hush(lie)
            with tempfile.TemporaryDirectory() as directory:
                world.write(directory)
                run = subprocess.run([sys.executable, HERE / 'judge.py', directory], capture_output=True, text=True,
                                     check=False)
            self.assertEqual((run.returncode, 'exit-invented: (1, 2, 1)' in run.stdout), (status, status == 1), run)

    def test_each_lie_is_found(self):
        for number, (name, doctor) in enumerate(LIES):
            with self.subTest(lie=f'{number}: {name}'):
                world = World()
                doctor(world)
                self.assertIn(name, world.judged())

    def test_every_judgement_has_a_lie(self):
        source = (HERE / 'judge.py').read_text(encoding='utf-8')
        names = set(re.findall(r'complain\("([a-z-]+)"', source)) | set(re.findall(r'\("([a-z]+-left)"', source))
        self.assertEqual(names, {name for name, _ in LIES})

    def test_a_later_requeue_excuses_a_cancel_and_an_earlier_one_does_not(self):
        for position, found in ((len(World().calls), set()), (0, {'cancel-lost'})):
            world = World()
            world.jobs[2]['job']['status'] = world.jobs[2]['history'][1]['to'] = 'failed'
            world.jobs[2]['job']['runs'] = 1
            world.calls[position:position] = [
                {'call': 'requeue', 'method': 'RequeueJobs', 'parameters': {'jobs': [2]}},
                {'call': 'requeue', 'error': 'InvalidState'}]
            with self.subTest(position=position):
                self.assertEqual(world.judged(), found)

    def test_a_task_may_have_ended_before_its_cancel_began(self):
        for answer, found in (('canceling', set()), ('canceled', {'cancel-lost'})):
            world = World()
            world.call('CancelTasks', {'tasks': [{'job': 1, 'task': 2}]},
                       reply={'results': [{'job': 1, 'task': 2, 'status': answer, 'error': None}]})
            with self.subTest(answer=answer):
                self.assertEqual(world.judged(), found)

    def test_a_cut_off_job_may_be_there_or_not(self):
        world = World()
        world.job(10, 'finished', [[('finished', 'exited', 0, None, 1)]])
        world.ran('10.1.1', 'exit 0')
        del world.calls[-2:]
        world.jobs[10]['job']['name'] = 'cut off'
        self.assertEqual(world.judged(), set())


if __name__ == '__main__':
    unittest.main()
