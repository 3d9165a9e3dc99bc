# SPDX-License-Identifier: LGPL-2.1-or-later
"""The checker of the power cuts: judge.py of the chaos test, asked about records as they lie on the disk.

What clients were told is in the directory of evidence (judge.py), in calls and, of transitions, in entries. The store
is read as a file, not through the agent: as it was before an agent saw it again, and after that.
"""

import json
import sqlite3
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).parents[2] / 'chaos'))

# pylint: disable=wrong-import-position
from judge import OVER, Evidence, Judge, lines_of  # noqa: E402

STATUSES = ('notSubmitted', 'queued', 'running', 'canceling', 'finished', 'failed', 'canceled')
CAUSES = (None, 'exited', 'signaled', 'outOfMemory', 'launchFailed', 'jobCanceled', 'taskCanceled', 'requeued',
          'jobRunTime', 'taskRunTime', 'taskFailed', 'lost', 'hostRestarted', 'systemError')
REQUEUES = ('RequeueJobs', 'RequeueTasks')
# The user database has some seconds to answer, which is not enough in a machine that is slow beyond measure.
TOO_SLOW = 'cannot confirm the groups of the user: Connection timed out'


class Damaged(AssertionError):
    """The store is not whole."""


def read_store(path):
    """What is on record, in the form of the agent's answers. The directory of the file is written to."""
    store = sqlite3.connect(path)
    store.row_factory = sqlite3.Row
    try:
        complaints = [tuple(row) for check in ('integrity_check', 'foreign_key_check')
                      for row in store.execute(f'PRAGMA {check}') if tuple(row) != ('ok',)]
        if complaints:
            raise Damaged(f'store-damaged: {complaints}')
        return to_answers(*(list(store.execute(f'SELECT * FROM {table} ORDER BY {order}')) for table, order in (
            ('jobs', 'id'), ('tasks', 'job, id'), ('attempts', 'job, task, attempt'), ('history', 'sequence'),
            ('totals', '1'))))
    except sqlite3.DatabaseError as error:
        raise Damaged(f'store-damaged: {error}') from error
    finally:
        store.close()


def to_answers(jobs, tasks, attempts, history, totals):
    """The rows as a client would be told them."""
    answers = {job['id']: {'job': job_of(job), 'tasks': [], 'attempts': [], 'history': [], 'output': None}
               for job in jobs}
    for rows, name, convert in ((tasks, 'tasks', task_of), (attempts, 'attempts', attempt_of),
                                (history, 'history', entry_of)):
        for row in rows:
            answers[row['job']][name].append(convert(row))
    for answer in answers.values():
        found = [task['status'] for task in answer['tasks']]
        if len(found) != answer['job'].pop('n_tasks'):
            raise Damaged(f'half-done: {answer["job"]} has {len(found)} tasks')
        answer['job']['tasks'] = {**{status: found.count(status) for status in STATUSES}, 'total': len(found)}
    row = list(totals[0])[:2 * len(STATUSES)]
    status = {name: {**dict(zip(STATUSES, counts)), 'total': sum(counts)}
              for name, counts in (('jobs', row[:len(STATUSES)]), ('tasks', row[len(STATUSES):]))}
    return {'status': status, 'jobs': list(answers.values())}


def job_of(row):
    return {'id': row['id'], 'name': row['name'], 'status': STATUSES[row['status']], 'cause': CAUSES[row['cause']],
            'owner': row['owner'], 'user': row['user'], 'runs': row['runs'], 'n_tasks': row['tasks'],
            'errorMessage': row['error_message'], 'cancelMessage': row['cancel_message'],
            'canceledBy': row['canceled_by'], 'cancelTime': row['cancel_time'] or None,
            'createTime': row['create_time'], 'submitTime': row['submit_time'] or None,
            'startTime': row['start_time'] or None, 'endTime': row['end_time'] or None}


def task_of(row):
    return {'id': row['id'], 'status': STATUSES[row['status']], 'cause': CAUSES[row['cause']],
            'exitCode': row['exit_code'] if row['exit_code'] >= 0 else None, 'signal': row['signal'] or None,
            'command': json.loads(row['spec'])['command'], 'attempt': row['attempt'],
            'rerunnable': bool(row['rerunnable']), 'errorMessage': row['error_message'],
            'cancelMessage': row['cancel_message'], 'canceledBy': row['canceled_by'],
            'createTime': row['create_time'], 'startTime': row['start_time'] or None,
            'endTime': row['end_time'] or None}


def attempt_of(row):
    status = row['wait_status'] if row['exited'] else None
    signal = status & 0x7f if status is not None else 0
    return {'job': row['job'], 'run': row['run'], 'task': row['task'], 'attempt': row['attempt'],
            'status': STATUSES[row['status']], 'cause': CAUSES[row['cause']], 'waitStatus': status,
            'exitCode': status >> 8 if status is not None and not signal else None, 'signal': signal or None,
            'errorMessage': row['error_message'], 'startTime': row['start_time'] or None,
            'endTime': row['end_time'] or None, 'stdoutSize': row['stdout_kept'], 'stderrSize': row['stderr_kept'],
            'userTime': row['user_time'], 'processesKilled': row['processes_killed']}


def entry_of(row):
    return {'seq': row['sequence'], 'time': row['time'], 'job': row['job'], 'task': row['task'] or None,
            'run': row['run'] or None, 'attempt': row['attempt'] or None,
            'from': STATUSES[row['from_status']] if row['from_status'] >= 0 else None,
            'to': STATUSES[row['to_status']], 'cause': row['cause'], 'actor': row['actor'], 'message': row['message']}


def running(answers):
    """The attempts that are on record as running."""
    return [[attempt['job'], attempt['task'], attempt['attempt']] for answer in answers['jobs']
            for attempt in answer['attempts'] if attempt['status'] not in OVER]


class CutJudge(Judge):
    """Adds what clients were told to what the chaos test judges."""

    def __init__(self, directory, settled=False):
        super().__init__(Evidence(directory), settled)
        self.entries = lines_of(f'{directory}/entries')
        self.too_slow = 0  # attempts
        self.facts = 0  # that were acknowledged, and looked for

    def look_at_cause(self, key, attempt, seen, entry):
        if attempt['cause'] == 'launchFailed' and attempt['errorMessage'] == TOO_SLOW:
            self.too_slow += 1
        else:
            super().look_at_cause(key, attempt, seen, entry)

    def judge_leftovers(self):
        if self.settled:
            super().judge_leftovers()

    def judge_submissions(self):
        """Also that every job and task is what was asked for."""
        super().judge_submissions()
        for call in self.evidence.calls.values():
            self.facts += call.reply is not None
        for job, entry in self.evidence.jobs.items():
            spec = self.made.get(entry['job']['name'])
            asked = [task['command'] for task in spec['tasks']] if spec else None
            if asked != [task['command'] for task in entry['tasks']]:
                self.complain('submission-lost', f'job {job}: not the commands that were asked for')
        for call in self.evidence.by_method('SubmitJobs'):
            for job in call.parameters['jobs'] if call.reply is not None else []:
                if job not in self.evidence.jobs or self.evidence.jobs[job]['job']['submitTime'] is None:
                    self.complain('submission-lost', f'job {job} is not submitted')

    def judge_told_entries(self):
        """Each transition that a client was told of is on record as it was told."""
        recorded = {entry['seq']: entry for answer in self.evidence.jobs.values() for entry in answer['history']}
        for entry in self.entries:
            self.facts += 1
            if recorded.get(entry['seq']) != entry:
                self.complain('transition-lost', f'{entry} but {recorded.get(entry["seq"])}')

    def judge_told_records(self):
        """Each job that a client was told to be over is, unless it was requeued, and so are its tasks; attempts never
        change again."""
        for call in self.evidence.by_method('GetJob'):
            if call.reply is None or call.reply['tasks'] is None:
                continue
            number = call.reply['job']['id']
            now = self.evidence.jobs.get(number)
            if not now:
                self.complain('record-lost', f'job {number}')
                continue
            unchanged = self.others_before(number, call, REQUEUES)
            told = [(attempt, now['attempts']) for attempt in call.reply['attempts']]
            told += [(task, now['tasks']) for task in call.reply['tasks'] if unchanged or task['status'] == 'finished']
            told += [(call.reply['job'], [now['job']])] if unchanged else []
            for one, parts in told:
                if one['status'] in OVER and not any(is_same(one, part) for part in parts):
                    self.complain('record-lost', f'{one} is not in {parts}')

    def judge_halves(self):
        """Jobs, tasks and attempts were written together."""
        for job, entry in self.evidence.jobs.items():
            status = entry['job']['status']
            open_tasks = [task for task in entry['tasks'] if task['status'] not in OVER]
            alive = {attempt['task']: attempt['attempt'] for attempt in entry['attempts']
                     if attempt['status'] not in OVER}
            busy = {task['id']: task['attempt'] for task in open_tasks if task['status'] in ('running', 'canceling')}
            if alive != busy:
                self.complain('half-done', f'job {job}: attempts {alive} run, and tasks {busy}')
            if status in OVER and (open_tasks or alive):
                self.complain('half-done', f'job {job} is {status} with {open_tasks}')
            if alive and status not in ('running', 'canceling'):
                self.complain('half-done', f'job {job} is {status} with {alive}')

    def compare(self, before):
        """What an agent has made of the records that it found: of an earlier store, as answers."""
        for old in before['jobs']:
            number = old['job']['id']
            now = self.evidence.jobs.get(number)
            if not now:
                self.complain('forgotten', f'job {number}')
                continue
            lasting = [(one, now['attempts']) for one in old['attempts'] if one['status'] in OVER]
            lasting += [(one, now['tasks']) for one in old['tasks'] if one['status'] == 'finished']
            if old['job']['status'] in OVER:
                lasting += [(old['job'], [now['job']])] + [(one, now['tasks']) for one in old['tasks']]
            lasting += [(one, now['history'][:len(old['history'])]) for one in old['history']]
            for one, parts in lasting:
                if one not in parts:
                    self.complain('rewritten', f'job {number}: {one} is not in {parts}')
        over = set(map(tuple, running(before))) & {tuple(key) for key in self.running()}
        if over:
            self.complain('runs-on', f'{sorted(over)} ran before the power cut')

    def running(self):
        return running({'jobs': self.evidence.jobs.values()})


def is_same(told, recorded):
    """Whether all fields that both have are alike."""
    return all(told[name] == recorded[name] for name in told.keys() & recorded.keys() if name != 'tasks')
