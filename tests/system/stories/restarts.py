# SPDX-License-Identifier: LGPL-2.1-or-later
"""# Whatever of Corral is restarted or killed, jobs do not notice
[container, debian 12, debian 13]

A hundred jobs run from the beginning to the end. Meanwhile each unit is restarted, and killed, while there are jobs in
each phase of their lives. In the end what is on record is compared with what the tasks themselves have noted.
"""

import contextlib
import json

STEADY = 100
ROOM, MIDDLE, LARGE = 20, 30, 60  # slots for the others, in the beginning and later

ACTS = [
    ('restart', 'corrald.service'),
    ('kill', 'corrald.service'),
    ('restart', 'corrald.socket'),
    ('restart', 'corral-launcher.service'),
    ('kill', 'corral-launcher.service'),
    ('restart', 'corral-launcher.socket'),
]
# Those that end the agent, and what clients may be told then: that nobody knows, or that there is no socket. An orderly
# end leaves nobody in doubt, and the socket of the service stays.
REFUSALS = {
    ('kill', 'corrald.service'): 'what was asked for may have been done',
    ('restart', 'corrald.socket'): 'is corrald running?',
}

HOME = '/home/alice'
STARTS, GATES = f'{HOME}/starts', f'{HOME}/gates'
ACKNOWLEDGED, REFUSED, STORMY = '/tmp/acknowledged', '/tmp/refused', '/tmp/stormy'

# Notes that it starts, waits until its gate opens, and exits with a status of its own.
WITNESS = b'''#!/bin/sh
[ "$2" != deaf ] || trap '' TERM
echo $$ >>"starts/$CORRAL_JOB_ID"
flock --shared "gates/$1" true
exit $((CORRAL_JOB_ID % 256))
'''
STORM = f'while [ -e {STORMY} ]; do corral submit --file {HOME}/storm >>{ACKNOWLEDGED} 2>>{REFUSED}; done'

LIST_TASKS = b'''
import json, sys
sys.path.insert(0, '/usr/local/lib/corral-tests')
from varlink import Client
print(json.dumps(Client('/run/corral/io.corral').listed('ListTasks', 'task')))
'''


class Ranch:
    """The machine and the jobs on it, which are alice's. Root submits them: that needs no login."""

    def __init__(self, machine):
        self.machine, self.run, self.wait_until = machine, machine.run, machine.wait_until
        self.gates = 0
        self.twice = set()  # jobs that start twice
        self.acknowledged = []
        self.canceled = {}  # and with which message
        machine.put(f'{HOME}/witness', WITNESS, '755')
        machine.put(f'{HOME}/storm', self.spec('none'))
        self.run(f'install -d -o alice {STARTS}; install -d {GATES}; touch {GATES}/none {ACKNOWLEDGED}')

    # -- gates --

    @contextlib.contextmanager
    def gate(self):
        """The name of a gate that is closed, and a function that opens it."""
        self.gates += 1
        path = f'{GATES}/{self.gates}'
        keeper = self.machine.start(f'exec flock {path} cat')
        self.wait_until(f'[ -e {path} ] && ! flock --shared --nonblock {path} true')
        yield self.gates, keeper.end_input
        keeper.end_input()

    # -- jobs --

    @staticmethod
    def spec(gate, deaf=False, **members):
        command = [f'{HOME}/witness', str(gate), 'deaf' if deaf else '']
        return json.dumps({'user': 'alice', 'tasks': [{'command': command}], **members}).encode()

    def submit_many(self, number, gate, **members):
        spec = self.spec(gate, **members)
        text = self.run(f'cat >job; for _ in $(seq {number}); do corral submit --file job; done', stdin=spec).text
        return [int(job) for job in text.split()]

    def submit(self, gate, **members):
        return self.submit_many(1, gate, **members)[0]

    def record(self, job):
        return json.loads(self.run(f'corral --json show {job}').text)['job']

    def status(self, job):
        return self.record(job)['status']

    def starts(self, job):
        """The pids of its task, one for each start."""
        return self.run(f'cat {STARTS}/{job}', check=False).text.split()

    def wait_for_starts(self, jobs):
        """Returns the pids."""
        paths = ' '.join(f'{STARTS}/{job}' for job in jobs)
        all_pids = self.wait_until(f'pids=$(cat {paths}) && [ $(wc -w <<<"$pids") = {len(jobs)} ] && echo $pids').text
        return set(all_pids.split())

    def wait_for_lines(self, number, path):
        self.wait_until(f'[ -e {path} ] && [ $(wc -l <{path}) -ge {number} ]')

    def wait_for_start(self, job, number=1):
        self.wait_for_lines(number, f'{STARTS}/{job}')

    def wait_for_end(self, *jobs):
        """With which status they ended is for the judge."""
        self.run(f'corral wait {" ".join(map(str, jobs))}', check=False)

    def history(self, job):
        """The causes in it."""
        lines = self.run(f'corral --json history {job}').text.splitlines()
        return [json.loads(line)['entry']['cause'] for line in lines]

    def set_slots(self, number):
        self.run(f'corral param Slots={number}')

    # -- units --

    def main_pid(self, unit):
        return int(self.run(f'systemctl show --value --property MainPID {unit}').text)

    def act(self, how, unit):
        """Restarts a unit, or kills its main process; returns when everything is there again."""
        if how == 'restart':
            self.run(f'systemctl restart {unit}')
        else:
            pid = self.main_pid(unit)
            self.run(f'kill -KILL {pid}')
            self.wait_until(f'[ ! -e /proc/{pid} ]')
        self.run('systemctl kill --signal CONT corrald', check=False)
        self.wait_until('corral --json status | grep -q \'"launcherConnected": *true\'')


# -- phases of a job's life: there is a job in it when something happens, and then we look at what has become of it --

@contextlib.contextmanager
def requeued(ranch, _):
    """It was canceled when it ran, and waits to run again: once more, and once only."""
    with ranch.gate() as (gate, open_gate):
        ranch.set_slots(STEADY + LARGE)
        job = ranch.submit(gate, minSlots=LARGE, priority='lowest')
        ranch.wait_for_start(job)
        ranch.set_slots(STEADY + ROOM)
        ranch.run(f'corral cancel {job} && corral requeue {job}')
        ranch.twice.add(job)
        yield
        assert ranch.status(job) == 'queued' and len(ranch.starts(job)) == 1, job
        ranch.set_slots(STEADY + LARGE)
        ranch.wait_for_start(job, 2)
        open_gate()
        ranch.wait_for_end(job)


@contextlib.contextmanager
def queued(ranch, _):
    """It waits for the slots that it needs, also with the next agent; then it runs."""
    job = ranch.submit('none', minSlots=MIDDLE, priority='belowNormal')
    yield
    assert ranch.status(job) == 'queued' and not ranch.starts(job), job
    ranch.set_slots(STEADY + MIDDLE)
    ranch.wait_for_end(job)


@contextlib.contextmanager
def starting(ranch, act):
    """Jobs are submitted and start all the time. What becomes of them is for the judge."""
    ranch.run(f'rm -f {ACKNOWLEDGED}; touch {ACKNOWLEDGED} {STORMY}')
    storm = ranch.machine.start(STORM)
    ranch.wait_for_lines(5, ACKNOWLEDGED)
    yield
    before = ranch.run(f'cat {ACKNOWLEDGED}').text.split()
    ranch.wait_for_lines(len(before) + 5, ACKNOWLEDGED)
    ranch.run(f'rm {STORMY}')
    storm.wait(ranch.machine.patience)
    ranch.acknowledged += map(int, ranch.run(f'cat {ACKNOWLEDGED}').text.split())
    refused = ranch.run(f'cat {REFUSED}; rm {REFUSED}').text.splitlines()
    assert all(REFUSALS.get(act, '?') in line for line in refused), f'{act}: {refused}'


@contextlib.contextmanager
def running(ranch, act):
    """It runs on; its history tells when another agent took it over."""
    with ranch.gate() as (gate, open_gate):
        job = ranch.submit(gate)
        ranch.wait_for_start(job)
        yield
        assert ranch.status(job) == 'running'
        assert ('adopted' in ranch.history(job)) == act[1].startswith('corrald'), ranch.history(job)
        open_gate()
        ranch.wait_for_end(job)


@contextlib.contextmanager
def canceling(ranch, act):
    """It does not heed SIGTERM. Its grace period goes on, until a second cancel ends it; the first reason stands."""
    with ranch.gate() as (gate, _):
        job = ranch.submit(gate, deaf=True, gracePeriod=1000 * 1000000)
        ranch.wait_for_start(job)
        ranch.run(f'corral cancel {job} -m "the first reason" --no-wait')
        ranch.canceled[job] = 'the first reason'
        yield
        assert ranch.status(job) == 'canceling'
        pid, = ranch.starts(job)
        ranch.run(f'kill -0 {pid}')
        assert ('cancelResumed' in ranch.history(job)) == act[1].startswith('corrald'), ranch.history(job)
        ranch.run(f'corral cancel {job} --force -m "another one"')
        assert ranch.status(job) == 'canceled'
        ranch.run(f'! kill -0 {pid}')


@contextlib.contextmanager
def ending(ranch, act):
    """It ends while the agent hears nothing. How is on record all the same."""
    with ranch.gate() as (gate, open_gate):
        job = ranch.submit(gate)
        ranch.wait_for_start(job)
        ranch.run('systemctl kill --signal STOP corrald')
        open_gate()
        ranch.wait_until(f'[ -e /run/corral/records/{job}.1.1.1.record ]')
        yield
        ranch.wait_for_end(job)
        if act == ('kill', 'corrald.service'):
            assert 'recovered' in ranch.history(job), ranch.history(job)


# In the order in which they are brought about: from the last one on the agent answers nobody.
PHASES = [requeued, queued, running, canceling, starting, ending]


def judge(ranch):
    """Compares what is on record with what the tasks have noted."""
    tasks = {task['job']: task for task in json.loads(ranch.run('python3 -', stdin=LIST_TASKS).text)}
    counted = (line.split() for line in ranch.run(f'cd {STARTS}; wc -l [0-9]*').text.splitlines()[:-1])
    starts = {int(job): int(number) for number, job in counted}
    assert not (lost := set(ranch.acknowledged) - set(tasks)), f'acknowledged, but not on record: {lost}'
    assert not (unknown := set(starts) - set(tasks)), f'these ran and are not on record: {unknown}'
    for job, task in tasks.items():
        assert starts.get(job, 0) == 1 + (job in ranch.twice), f'{starts.get(job)} starts: {task}'
        if job in ranch.canceled:
            assert (task['status'], task['cause']) == ('failed', 'jobCanceled'), task
            job_record = ranch.record(job)
            assert (job_record['status'], job_record['cancelMessage']) == ('canceled', ranch.canceled[job]), job_record
        else:
            assert (task['cause'], task['exitCode']) == ('exited', job % 256), task


def restart_everything(ranch):
    """Each unit in turn, with jobs in each phase."""
    for act in ACTS:
        with contextlib.ExitStack() as stack:
            for phase in PHASES:
                stack.enter_context(phase(ranch, act))
            ranch.act(*act)


def stop_the_agent(ranch):
    """What runs goes on, and nothing starts, until there is an agent again."""
    with ranch.gate() as (gate, open_gate):
        job = ranch.submit(gate)
        ranch.wait_for_start(job)
        ranch.set_slots(STEADY)
        waiting = ranch.submit('none')
        ranch.run('systemctl stop corrald.socket corrald.service')
        assert 'is corrald running?' in str(ranch.run(f'corral show {job}', check=False))
        open_gate()
        ranch.wait_until(f'[ -e /run/corral/records/{job}.1.1.1.record ]')
        ranch.run('systemctl start corrald.socket')  # who connects starts the service
        ranch.wait_for_end(job)
        assert not ranch.starts(waiting)
        ranch.set_slots(STEADY + ROOM)
        ranch.wait_for_end(waiting)


def restart_the_jobs(ranch):
    """That cancels what runs, and says why; then what is queued runs."""
    with ranch.gate() as (gate, _):
        ranch.set_slots(ROOM)
        jobs = ranch.submit_many(ROOM, gate)
        waiting = ranch.submit('none')
        ranch.wait_for_starts(jobs)
        assert ranch.status(waiting) == 'queued'
        ranch.run('systemctl restart corral-jobs')
        ranch.canceled.update(dict.fromkeys(jobs, 'corral-jobs.service was stopped'))
        ranch.wait_for_end(waiting)


def play(machine):
    """The story."""
    ranch = Ranch(machine)
    ranch.set_slots(STEADY + ROOM)
    with ranch.gate() as (gate, open_gate):
        jobs = ranch.submit_many(STEADY, gate)
        pids = ranch.wait_for_starts(jobs)
        restart_everything(ranch)
        stop_the_agent(ranch)
        assert pids <= set(ranch.run('pgrep -u alice').text.split()), 'some of those that ran all the time are gone'
        open_gate()
        ranch.wait_for_end(*jobs)
    restart_the_jobs(ranch)
    judge(ranch)
