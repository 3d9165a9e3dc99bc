# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the integration tests stand on: an agent of their own with real processes, a varlink client, and TAP output.

A test program defines functions with the decorator @test and ends with run(). Each test gets an agent of its own,
with its own directories and its own cgroup subtree, and everything is taken down after it, also when it fails:

    @test
    def cancel_kills_all(agent):
        job = agent.submit(['sleep', '60'])
        ...

CORRAL_BUILD names the build directory. Arguments choose tests by name. The programs run as root.
"""

import base64
import ctypes
import functools
import glob
import grp
import json
import os
import pwd
import random
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

INTERFACE = 'io.corral.Jobs'
TERMINAL = ('finished', 'failed', 'canceled')
# How long to wait for what must come. Not a statement about speed: the machine may be very busy.
PATIENCE = int(os.environ.get('CORRAL_PATIENCE') or 60)
TEST_TIMEOUT = 150
SEED = int(os.environ.get('CORRAL_SEED') or random.SystemRandom().randrange(1 << 32))

random.seed(SEED)


class Skip(Exception):
    """The machine cannot do what the test needs; the text says what."""


class TimeIsUp(BaseException):
    """A test took longer than TEST_TIMEOUT."""


class Refused(Exception):
    """An error reply. name is without the prefix of the interface."""

    def __init__(self, name, parameters):
        super().__init__(f'{name} {json.dumps(parameters)}')
        self.name = name.removeprefix(INTERFACE + '.')
        self.parameters = parameters


def wait_until(condition, what, timeout=PATIENCE):
    """Waits for condition() to be true, returns its value."""
    end = time.monotonic() + timeout
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'not within {timeout} s: {what() if callable(what) else what}')
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def expect(error, function, *arguments, **keywords):
    """Calls function, which must be refused with the error. Returns the parameters of the error."""
    try:
        result = function(*arguments, **keywords)
    except Refused as refused:
        assert refused.name == error, f'{refused} instead of {error}'
        return refused.parameters
    raise AssertionError(f'{error} was expected, not {result}')


def pick(record, *names):
    """The values of some fields."""
    return tuple(record[name] for name in names)


# ---- processes and cgroups ----


@functools.lru_cache(None)
def cgroup_mount():
    """Where cgroup v2 is mounted."""
    with open('/proc/self/mountinfo', encoding='utf-8') as file:
        for line in file:
            fields = line.split()
            if fields[fields.index('-') + 1] == 'cgroup2':
                return fields[4]
    raise Skip('cgroup v2 is not mounted')


def cgroup_pids(path):
    """The pids of a cgroup and all below it; none when it does not exist."""
    pids = set()
    for directory, _, _ in os.walk(path):
        try:
            with open(f'{directory}/cgroup.procs', encoding='ascii') as file:
                pids.update(int(line) for line in file)
        except (FileNotFoundError, OSError):
            pass  # it vanished meanwhile
    return pids


def cgroup_empty(path):
    """Whether the kernel says that nothing lives in a cgroup."""
    try:
        with open(f'{path}/cgroup.events', encoding='ascii') as file:
            return 'populated 0' in file.read()
    except (FileNotFoundError, OSError):
        return True


def cgroup_destroy(path):
    """Kills everything in a cgroup and removes it."""
    def write(name, text):
        try:
            with open(f'{path}/{name}', 'w', encoding='ascii') as file:
                file.write(text)
        except OSError:
            pass

    def empty():
        write('cgroup.kill', '1')
        return cgroup_empty(path)

    def removed():
        for directory, _, _ in os.walk(path, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                pass
        return not os.path.exists(path)

    if os.path.exists(path):
        wait_until(empty, f'{path} is empty')
        wait_until(removed, f'{path} is removed')


def process_state(pid):
    """The letter of proc(5), or None when there is no such process."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
            return file.read().rpartition(')')[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def process_alive(pid):
    return process_state(pid) not in (None, 'Z', 'X')


def processes_with(text):
    """Pids of living processes that have text in their environment: those that escaped from a cgroup, too."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/environ', 'rb') as file:
                if text.encode() in file.read():
                    found.append(int(pid))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass
    return found


def children_of(parent):
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
                if int(file.read().rpartition(')')[2].split()[1]) == parent:
                    found.append(int(pid))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def kill(pid, signo=signal.SIGKILL):
    try:
        os.kill(pid, signo)
    except ProcessLookupError:
        pass


@functools.lru_cache(None)
def own_mounts():
    """Gives this program a mount namespace of its own: what it mounts vanishes with it."""
    libc = ctypes.CDLL(None, use_errno=True)
    clone_newns, ms_rec, ms_private = 0x20000, 0x4000, 0x40000
    if libc.unshare(clone_newns) < 0 or libc.mount(b'none', b'/', None, ms_rec | ms_private, None) < 0:
        raise Skip(f'no mount namespace: {os.strerror(ctypes.get_errno())}')


def mount_small_disk(path, size):
    own_mounts()
    os.mkdir(path)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size},mode=0700', 'none', path], check=True)


# ---- users ----


def become(user, extra_groups=()):
    """Turns this process (a child made for it) into one of a user."""
    entry = pwd.getpwnam(user)
    groups = os.getgrouplist(user, entry.pw_gid) + [grp.getgrnam(name).gr_gid for name in extra_groups]
    os.setgroups(groups)
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)


def connect(path, user=None, groups=()):
    """A connected socket. The kernel notes the user at the moment of connect(2): a child does it and hands it over."""
    if user is None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(path)
        return connection
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pid = os.fork()
        if pid == 0:
            try:
                become(user, groups)
                with connect(path) as connection:
                    socket.send_fds(theirs, [b'x'], [connection.fileno()])
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        if status != 0:
            raise ConnectionRefusedError(f'{user} cannot connect to {path}')
        _, fds, _, _ = socket.recv_fds(ours, 1, 1)
        return socket.socket(fileno=fds[0])


class Client:
    """A varlink connection. Every wait is bounded by PATIENCE."""

    def __init__(self, path, user=None, groups=()):
        self.socket = connect(path, user, groups)
        self.socket.settimeout(PATIENCE)
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send(self, method, more=False, oneway=False, **parameters):
        message = {'method': method if '.' in method else f'{INTERFACE}.{method}', 'parameters': parameters}
        if more:
            message['more'] = True
        if oneway:
            message['oneway'] = True
        self.send_bytes(json.dumps(message, ensure_ascii=False).encode() + b'\0')

    def receive_raw(self):
        """The next message as it came, or None when the agent closed the connection."""
        while (end := self.buffer.find(b'\0')) < 0:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                data = b''
            if not data:
                return None
            self.buffer += data
        message = json.loads(self.buffer[:end])
        del self.buffer[:end + 1]
        return message

    def receive(self):
        """The parameters of the next reply and whether more follow; an error is raised."""
        message = self.receive_raw()
        if message is None:
            raise ConnectionResetError('the agent closed the connection')
        if 'error' in message:
            raise Refused(message['error'], message.get('parameters') or {})
        return message.get('parameters') or {}, message.get('continues', False)

    def ready(self, timeout=0):
        """Whether a reply, or the end of the connection, is there."""
        return b'\0' in self.buffer or bool(select.select([self.socket], [], [], timeout)[0])

    def call(self, method, **parameters):
        self.send(method, **parameters)
        reply, continues = self.receive()
        assert not continues
        return reply

    def stream(self, method, **parameters):
        """All replies of a call with more."""
        self.send(method, more=True, **parameters)
        continues = True
        while continues:
            reply, continues = self.receive()
            yield reply

    def listed(self, method, field, **parameters):
        """The values of one field of all replies of a call with more: replies without it are left out."""
        return [reply[field] for reply in self.stream(method, **parameters) if reply.get(field) is not None]


# ---- the agent ----


def build_directory():
    return os.path.abspath(os.environ.get('CORRAL_BUILD', '.'))


@functools.lru_cache(None)
def find_program(name):
    for directory in ('agent', 'agent/launcher', 'cli', 'tests/integration', '.'):
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

    def __init__(self, config=None, own_launcher=True, disk_size=None):
        victim, cli = find_program('victim'), find_program('corral')
        self.process = None
        self.launcher = None
        self._client = None
        # Tasks and clients of other users have to get through to the programs and the socket.
        self.base = tempfile.mkdtemp(prefix='corral-test-')
        os.chmod(self.base, 0o755)
        self.runtime_dir = tempfile.mkdtemp(prefix='corral-test-', dir='/dev/shm')
        os.chmod(self.runtime_dir, 0o755)
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
            mount_small_disk(f'{self.base}/disk', disk_size)
            self.disk = f'{self.base}/disk'
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
        self.launcher = self.spawn(find_program('corral-launcher'), '--socket', self.launcher_socket, '--uid', '0',
                                   prepare=enter_cgroup)

    def launch_agent(self):
        """Starts the agent without waiting for it."""
        command = [find_program('corrald'), '--socket', self.socket_path, '--state-dir', self.state_dir,
                   '--runtime-dir', self.runtime_dir, '--cgroup-root', self.cgroup]
        if self.launcher_socket:
            command += ['--launcher', self.launcher_socket]
        if self.config_path:
            command += ['--config', self.config_path]
        self.process = self.spawn(*command)

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
        if self.disk:
            subprocess.run(['umount', '--lazy', self.disk], check=True)
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

    def submit_victim(self, *arguments, processes=1, **spec):
        """Queues a job of one victim, waits until it is ready and has so many processes. Returns the job's id."""
        ready = self.ready_path()
        spec['environment'] = spec.get('environment', []) + [f'VICTIM_READY={ready}']
        job = self.submit([self.victim, *map(str, arguments)], **spec)
        wait_until(lambda: os.path.exists(ready), lambda: f'the victim is ready: {self.call("GetJob", id=job)}')
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


# ---- running ----

_tests = []


def test(function=None, *, agent=True, timeout=TEST_TIMEOUT, **options):
    """Marks a test. agent: whether it gets one that runs; options go to Agent()."""
    if function is None:
        return lambda actual: test(actual, agent=agent, timeout=timeout, **options)
    _tests.append((function, agent, timeout, options))
    return function


def _on_alarm(_signo, _frame):
    raise TimeIsUp


def _on_term(_signo, _frame):
    sys.exit('terminated')


def _take_down():
    """Destroys all agents; the text of the first thing that went wrong, or None."""
    problem = None
    while Agent.all:
        try:
            Agent.all[-1].destroy()
        except Exception as error:  # pylint: disable=broad-except
            problem = problem or f'tear-down: {error}'
        Agent.all.pop()
    return problem


def _run_one(function, wants_agent, timeout, options):
    """Runs one test; 'ok', 'skip' or 'not ok' and the text that goes with it."""
    verdict, text = 'ok', ''
    signal.alarm(timeout)
    try:
        if wants_agent:
            agent = Agent(**options).start()
            function(agent)
            if agent.process and agent.process.poll() is None:
                agent.verify()
        else:
            function()
    except Skip as reason:
        verdict, text = 'skip', str(reason)
    except (Exception, TimeIsUp):  # pylint: disable=broad-except
        verdict, text = 'not ok', traceback.format_exc()
        for agent in Agent.all:
            text += f'\n{agent.log_path}:\n' + '\n'.join(agent.log().splitlines()[-40:])
    finally:
        signal.alarm(0)
        problem = _take_down()
    if problem and verdict == 'ok':
        verdict, text = 'not ok', problem
    return verdict, text


def run():
    """Runs the tests of the program and exits."""
    signal.signal(signal.SIGALRM, _on_alarm)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    signal.signal(signal.SIGTERM, _on_term)
    chosen = [entry for entry in _tests if len(sys.argv) == 1 or entry[0].__name__ in sys.argv[1:]]
    if os.geteuid() != 0:
        print('1..0 # SKIP needs root')
        sys.exit(0)
    print(f'1..{len(chosen)}\n# CORRAL_SEED={SEED}', flush=True)
    failed = 0
    for number, (function, wants_agent, timeout, options) in enumerate(chosen, 1):
        verdict, text = _run_one(function, wants_agent, timeout, options)
        if verdict == 'skip':
            print(f'ok {number} - {function.__name__} # SKIP {text}', flush=True)
            continue
        for line in text.splitlines():
            print('#', line)
        print(f'{verdict} {number} - {function.__name__}', flush=True)
        failed += verdict == 'not ok'
    sys.exit(1 if failed else 0)
