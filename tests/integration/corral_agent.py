# SPDX-License-Identifier: LGPL-2.1-or-later
"""An agent to test: its life, calls to it, and what must be true of it."""

import base64
import functools
import glob
import os
import shutil
import subprocess
import tempfile
import time

from processes import (
    become, cgroup_destroy, cgroup_mount, cgroup_pids, children_of, kill, mount_small_disk, process_alive,
    processes_with)
from support import PATIENCE, wait_until
from varlink import Client, Refused

TERMINAL = ('finished', 'failed', 'canceled')


def build_directory():
    return os.path.abspath(os.environ.get('CORRAL_BUILD', '.'))


@functools.lru_cache(None)
def find_program(name):
    for directory in ('agent', 'agent/launcher', 'cli', 'tests/integration', 'tests/chaos', '.'):
        path = os.path.join(build_directory(), directory, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f'{name} is not built in {build_directory()} (CORRAL_BUILD)')


def task(command):
    """A TaskSpec from a shell command, an argument list, or a TaskSpec."""
    if isinstance(command, str):
        command = ['/bin/sh', '-c', command]
    # Not every user has a home directory.
    return command if isinstance(command, dict) else {'command': command, 'workDirectory': '/'}


class Agent:
    """A corrald in the foreground with everything of its own."""

    all = []

    def __init__(self, config=None, own_launcher=True, disk_size=None, runtime_options=None):
        victim, cli = find_program('victim'), find_program('corral')
        self.process = None
        self.launcher = None
        self._client = None
        # Tasks and clients of other users have to get through to the programs and the socket.
        self.base = tempfile.mkdtemp(prefix='corral-test-')
        os.chmod(self.base, 0o755)
        self.runtime_dir = tempfile.mkdtemp(prefix='corral-test-', dir='/dev/shm')
        os.chmod(self.runtime_dir, 0o755)
        self.runtime_disk = runtime_options is not None
        if runtime_options:
            mount_small_disk(self.runtime_dir, runtime_options + ',mode=0755')
        self.shared = f'{self.base}/shared'  # writable for everybody
        os.mkdir(self.shared)
        os.chmod(self.shared, 0o1777)
        self.victim = shutil.copy(victim, self.base)
        self.cli = shutil.copy(cli, self.base)
        self.socket_path = f'{self.base}/socket'
        self.launcher_socket = None if own_launcher else f'{self.base}/launcher'
        self.state_dir = f'{self.base}/state'
        self.disk = None
        self.log_path = f'{self.base}/log'
        self.cgroup = f'{cgroup_mount()}/{os.path.basename(self.base)}'
        self.token = f'VICTIM_OF={os.path.basename(self.base)}'
        self.config_path = None
        if config:
            self.config_path = f'{self.base}/config'
            with open(self.config_path, 'w', encoding='utf-8') as file:
                file.writelines(f'{name}={value}\n' for name, value in config.items())
        Agent.all.append(self)
        if disk_size:
            self.disk = f'{self.base}/disk'
            os.mkdir(self.disk)
            mount_small_disk(self.disk, f'size={disk_size},mode=0700')
            self.state_dir = f'{self.disk}/state'

    # -- life --

    def spawn(self, *command, prepare=None):
        with open(self.log_path, 'ab') as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                    preexec_fn=prepare)

    def start_launcher(self):
        """Starts a launcher apart from the agent, in the cgroup beside the jobs, as a service manager would."""
        os.makedirs(f'{self.cgroup}/launcher', exist_ok=True)

        def enter_cgroup():
            with open(f'{self.cgroup}/launcher/cgroup.procs', 'w', encoding='ascii') as file:
                file.write('0')
        with open(f'{self.base}/launcher.conf', 'w', encoding='ascii') as file:
            file.write('RootJobs=yes\n')
        self.launcher = self.spawn(find_program('corral-launcher'), '--socket', self.launcher_socket, '--uid', '0',
                                   '--cgroup-root', self.cgroup, '--config', f'{self.base}/launcher.conf',
                                   prepare=enter_cgroup)

    def launch_agent(self, prepare=None):
        """Starts the agent without waiting for it. prepare is called in its process before."""
        command = [find_program('corrald'), '--socket', self.socket_path, '--state-dir', self.state_dir,
                   '--runtime-dir', self.runtime_dir, '--cgroup-root', self.cgroup]
        if self.launcher_socket:
            command += ['--launcher', self.launcher_socket]
        if self.config_path:
            command += ['--config', self.config_path]
        self.process = self.spawn(*command, prepare=prepare)

    def answers(self):
        assert self.process.poll() is None, f'corrald ended with {self.process.returncode}'
        try:
            with Client(self.socket_path) as client:
                return client.call('GetStatus')
        except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
            return None

    def start(self, launcher=True):
        """Starts the agent and waits until it answers, and, with launcher, until it can launch."""
        if launcher and self.launcher_socket and not (self.launcher and self.launcher.poll() is None):
            self.start_launcher()
        self.launch_agent()
        wait_until(self.answers, 'corrald answers')
        if launcher:
            wait_until(lambda: self.answers()['launcherConnected'], 'the launcher is connected')
        return self

    def _gone(self):
        if self._client:
            self._client.close()
            self._client = None
        self.process = None

    def kill(self):
        """kill -9 of the agent."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self._gone()

    def stop(self):
        """An orderly end. Jobs go on."""
        self.process.terminate()
        status = self.process.wait(PATIENCE)
        self._gone()
        assert status == 0, f'corrald ended with {status}'

    def restart(self):
        self.kill()
        return self.start()

    def launcher_pid(self):
        """The launcher that now runs (its reapers have been cut off from it)."""
        if self.launcher:
            return self.launcher.pid if self.launcher.poll() is None else None
        mine = [pid for pid in children_of(self.process.pid) if process_alive(pid)]
        return mine[0] if mine else None

    def kill_launcher(self):
        """kill -9 of the launcher; the agent starts another one if it is its own."""
        pid = wait_until(self.launcher_pid, 'there is a launcher')
        kill(pid)
        if self.launcher:
            self.launcher.wait(PATIENCE)
        wait_until(lambda: not process_alive(pid), 'the launcher is dead')

    def reapers(self):
        """The reapers: what lives beside the launcher in its cgroup."""
        launcher = self.launcher_pid() if self.process else None
        return sorted(pid for pid in cgroup_pids(f'{self.cgroup}/launcher') if pid != launcher and process_alive(pid))

    def destroy(self):
        """Takes everything down, whatever state it is in."""
        for process in (self.process, self.launcher):
            if process and process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(PATIENCE)
        if self._client:
            self._client.close()
        cgroup_destroy(self.cgroup)
        escaped = processes_with(self.token)
        for pid in escaped:
            kill(pid)
        for disk in (self.disk, self.runtime_dir if self.runtime_disk else None):
            if disk:
                subprocess.run(['umount', '--lazy', disk], check=True)
        shutil.rmtree(self.base, ignore_errors=True)
        shutil.rmtree(self.runtime_dir, ignore_errors=True)
        assert not escaped, f'processes {escaped} of jobs lived outside the cgroups'

    def log(self):
        try:
            with open(self.log_path, encoding='utf-8', errors='replace') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    # -- calls --

    def client(self, user=None, groups=()):
        """A new connection."""
        return Client(self.socket_path, user, groups)

    @property
    def root(self):
        """A connection of root that stays, and is made anew after a restart."""
        if self._client is None:
            self._client = self.client()
        return self._client

    def call(self, method, **parameters):
        return self.root.call(method, **parameters)

    def listed(self, method, field, **parameters):
        return self.root.listed(method, field, **parameters)

    def spec(self, *commands, **spec):
        """A JobSpec whose processes can be told from all others by their environment."""
        spec['environment'] = spec.get('environment', []) + [self.token]
        return {'tasks': [task(command) for command in commands], **spec}

    def submit(self, *commands, **spec):
        """Queues a job, returns its id."""
        return self.call('QueueJob', job=self.spec(*commands, **spec))['id']

    def add(self, *commands, **spec):
        """Adds a job that is not submitted, returns its id."""
        return self.call('AddJob', job=self.spec(*commands, **spec))['id']

    def cancel(self, *jobs, **options):
        """Cancels jobs; the result of the first one, which must not be an error."""
        results = self.call('CancelJobs', jobs=list(jobs), **options)['results']
        assert [result['job'] for result in results] == list(jobs)
        assert results[0].get('error') is None, results[0]
        return results[0]

    def cancel_tasks(self, job, *tasks, **options):
        results = self.call('CancelTasks', tasks=[{'job': job, 'task': number} for number in tasks], **options)
        assert results['results'][0].get('error') is None, results
        return results['results'][0]

    def requeue(self, *jobs):
        results = self.call('RequeueJobs', jobs=list(jobs))['results']
        assert results[0].get('error') is None, results
        return results[0]

    def requeue_tasks(self, job, *tasks):
        results = self.call('RequeueTasks', tasks=[{'job': job, 'task': number} for number in tasks])['results']
        assert results[0].get('error') is None, results
        return results[0]

    def set(self, **parameters):
        for name, value in parameters.items():
            self.call('SetParameter', name=name, value=str(value))

    # -- looking --

    def job(self, job):
        return self.call('GetJob', id=job)['job']

    def tasks(self, job):
        """The tasks of a job, in order."""
        return self.listed('ListTasks', 'task', job=job)

    def task(self, job, number=1):
        return self.tasks(job)[number - 1]

    def attempts(self, job):
        return self.call('GetJob', id=job)['attempts'] or []

    def history(self, job):
        return self.listed('GetHistory', 'entry', job=job)

    def causes(self, job):
        """The words of a job's history."""
        return [entry['cause'] for entry in self.history(job)]

    def status(self):
        return self.call('GetStatus')

    def output(self, job, number=1, stream='stdout', **parameters):
        pieces = self.listed('GetOutput', 'data', job=job, task=number, stream=stream, **parameters)
        return b''.join(base64.b64decode(piece) for piece in pieces)

    def wait_status(self, job, *statuses, timeout=PATIENCE):
        """Waits for a job to have one of the statuses, returns the job."""
        def matches():
            found = self.job(job)
            return found if found['status'] in statuses else None
        return wait_until(matches, lambda: f'job {job} becomes {statuses}: {self.job(job)}', timeout)

    def wait_over(self, *jobs, timeout=PATIENCE):
        """Waits for jobs to be over, returns the last one."""
        for job in jobs:
            found = self.wait_status(job, *TERMINAL, timeout=timeout)
        return found

    def wait_task(self, job, number, *statuses):
        def matches():
            found = self.task(job, number)
            return found if found['status'] in statuses else None
        return wait_until(matches, lambda: f'task {job}.{number} becomes {statuses}: {self.task(job, number)}')

    def job_cgroups(self, job):
        return glob.glob(f'{self.cgroup}/jobs/{job}.*')

    def job_pids(self, job):
        return set().union(*(cgroup_pids(path) for path in self.job_cgroups(job)))

    def wait_pids(self, job, n):
        """Waits until a job has at least n processes, returns their pids."""
        def enough():
            pids = self.job_pids(job)
            return pids if len(pids) >= n else None
        return wait_until(enough, lambda: f'job {job} has {n} processes: {len(self.job_pids(job))}')

    def ready_path(self, name='ready'):
        """A file that does not exist yet, for VICTIM_READY and the like."""
        return f'{self.shared}/{name}-{time.monotonic_ns()}'

    def submit_victims(self, *victims, then=(), **spec):
        """Queues a job of victims (lists of arguments) and then of other tasks, waits until all victims are ready.
        Returns the job's id."""
        ready = [self.ready_path() for _ in victims]
        tasks = [task([self.victim, *map(str, arguments)]) | {'environment': [f'VICTIM_READY={path}']}
                 for path, arguments in zip(ready, victims)]
        job = self.submit(*tasks, *then, **spec)
        wait_until(lambda: all(map(os.path.exists, ready)), lambda: f'the victims are ready: {self.tasks(job)}')
        return job

    def submit_victim(self, *arguments, processes=1, **spec):
        """Queues a job of one victim, waits until it is ready and has so many processes. Returns the job's id."""
        job = self.submit_victims(arguments, **spec)
        self.wait_pids(job, processes)
        return job

    # -- judging --

    def assert_no_process(self, *jobs):
        """Not one process of the jobs is there: now, not soon."""
        for job in jobs:
            assert not self.job_pids(job), f'job {job} still has processes {self.job_pids(job)}'

    def assert_nothing_left(self):
        """No process of any job, anywhere, and soon neither a cgroup, nor a reaper, nor a reaper's file."""
        escaped = processes_with(self.token)
        assert not escaped, f'processes {escaped} are left'

        def leftovers():
            return glob.glob(f'{self.cgroup}/jobs/*/') + self.reapers() + glob.glob(f'{self.runtime_dir}/*/*.record')

        def claims():
            return glob.glob(f'{self.runtime_dir}/*/*.claim')
        wait_until(lambda: not leftovers(), lambda: f'nothing is left: {leftovers()}')
        if claims():  # those that the agent made to keep a launch from happening stay until the next start
            self.restart()
            wait_until(lambda: not claims(), lambda: f'no claims are left: {claims()}')

    def newest(self):
        """The sequence number of the newest transition."""
        with self.client() as client:
            client.send('Watch', more=True, jobs=[])
            return client.receive()[0]['cursor']

    def verify(self):
        """What must be true of all records at any time."""
        for _ in range(100):
            before = self.newest()
            try:
                self.verify_all()
                return
            except (AssertionError, Refused):
                if self.newest() == before:  # else it changed while it was looked at
                    raise

    def verify_all(self):
        jobs = self.listed('ListJobs', 'job')
        totals = {}
        for job in jobs:
            self.verify_job(job, totals)
        status = self.status()
        assert status['jobs']['total'] == len(jobs), (status['jobs'], len(jobs))
        for name in TERMINAL + ('notSubmitted', 'queued', 'running', 'canceling'):
            assert status['jobs'][name] == sum(job['status'] == name for job in jobs), (name, status['jobs'])
            assert status['tasks'][name] == totals.get(name, 0), (name, status['tasks'], totals)
        if not any(job['status'] in ('running', 'canceling') for job in jobs):
            assert status['slotsInUse'] == 0, status

    def verify_job(self, job, totals):
        tasks, attempts = self.tasks(job['id']), self.attempts(job['id'])
        counts = job['tasks']
        for name, count in counts.items():
            assert count == (len(tasks) if name == 'total' else sum(t['status'] == name for t in tasks)), (job, tasks)
            if name != 'total':
                totals[name] = totals.get(name, 0) + count
        if job['status'] in TERMINAL:
            assert job['endTime'] is not None and all(t['status'] in TERMINAL for t in tasks), (job, tasks)
            assert all(a['status'] in TERMINAL for a in attempts), attempts
            assert job['startTime'] is None or job['startTime'] <= job['endTime'], job
        else:
            assert job['endTime'] is None, job
        if job['status'] == 'finished':
            assert counts['failed'] == 0, job
        for record in tasks:
            mine = [a for a in attempts if a['task'] == record['id']]
            assert [a['attempt'] for a in mine] == list(range(1, record['attempt'] + 1)), (record, mine)
            assert (record['endTime'] is not None) == (record['status'] in TERMINAL), record
            if record['status'] == 'finished':
                assert record['exitCode'] == 0, record
                assert [a['status'] for a in mine].count('finished') == 1, mine
        self.verify_history(job, tasks)

    def verify_history(self, job, tasks):
        """Each transition begins where the one before ended, and the last one ends at the present status."""
        last, sequence = {}, 0
        for entry in self.history(job['id']):
            assert entry['seq'] > sequence, entry
            sequence = entry['seq']
            assert entry['job'] == job['id']
            assert last.get(entry['task']) == entry['from'], (entry, last)
            last[entry['task']] = entry['to']
        assert last.pop(None) == job['status'], (last, job)
        assert last == {record['id']: record['status'] for record in tasks}, (last, tasks)

    # -- the command --

    def corral(self, *arguments, user=None, groups=(), timeout=PATIENCE, stdin=None, environment=None):
        """Runs the corral command, returns its subprocess.CompletedProcess with text."""
        with self.corral_start(*arguments, user=user, groups=groups, environment=environment,
                               stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE) as process:
            try:
                output, errors = process.communicate(stdin, timeout)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def corral_start(self, *arguments, user=None, groups=(), environment=None, stdin=subprocess.DEVNULL):
        environment = {'PATH': os.environ['PATH'], 'LANG': 'C.UTF-8', 'CORRAL_SOCKET': self.socket_path,
                       **(environment or {})}
        return subprocess.Popen([self.cli, *map(str, arguments)], env=environment, cwd='/', text=True, stdin=stdin,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                preexec_fn=(lambda: become(user, groups)) if user else None)
