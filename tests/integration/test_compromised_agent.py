#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program in the agent's place that asks the launcher for everything it should not get, and gets nothing. The
launcher runs as under a service manager: as root, with a configuration of its own. The other side is an unprivileged
user."""

import array
import contextlib
import ctypes
import glob
import grp
import os
import pwd
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from corral_agent import find_program
from corral_test import cgroup_pids, kill, process_alive, run, test, wait_until
from processes import cgroup_destroy, cgroup_mount
from support import PATIENCE

AGENT = 54321  # has no entry in the user database, and needs none
STRANGER = 54322
VERSION, HELLO, LAUNCH, SIGNAL, INSPECT, PROBE = 2, 1, 2, 3, 4, 5
RECORD = '<QIIQIIII40sQiiii'  # the beginning of LaunchRecord
STEP_POLICY, STEP_USER = 4, 5
NOBODY = pwd.getpwnam('nobody')


class Refused(Exception):
    """The launcher closed the connection."""


def launch_packet(command, uid=NOBODY.pw_uid, gid=NOBODY.pw_gid, groups=(), attempt=1, outputs='/dev/null'):
    """A LAUNCH message (agent/launcher/protocol.h)."""
    strings = b''.join(text.encode() + b'\0' for text in (*command, '/', '', outputs, outputs))
    return struct.pack('<II QIIII IIIIIIII 16Q Q', VERSION, LAUNCH, 7, 1, 2, attempt, 0, uid, gid, 0o22, len(groups),
                       len(command), 0, len(strings), 0, *[0] * 16, 1 << 20) + \
        struct.pack(f'<{len(groups)}I', *groups) + strings


class Setup:
    """A launcher, its part of the cgroup tree, the agent's directories, and things that are none of the agent's."""

    def __init__(self, configuration=''):
        self.base = tempfile.mkdtemp(prefix='corral-test-')
        os.chmod(self.base, 0o755)
        self.tree = f'{cgroup_mount()}/{os.path.basename(self.base)}'
        self.foreign = f'{self.tree}-foreign'
        for path in (f'{self.tree}/launcher', f'{self.tree}/jobs/7.1/2.1', f'{self.foreign}/7.1/2.1'):
            os.makedirs(path)
        self.leaf = f'{self.tree}/jobs/7.1/2.1'
        for directory, _, files in os.walk(self.tree):
            os.chown(directory, AGENT, AGENT)
            for name in ('cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads', 'cgroup.kill', 'cgroup.freeze'):
                if name in files:
                    os.chown(f'{directory}/{name}', AGENT, AGENT)
        self.records, self.output = self.directory('records', AGENT), self.directory('output', AGENT)
        self.shared = self.directory('shared', 0, 0o1777)
        self.log = open(f'{self.base}/log', 'w+', encoding='utf-8')  # pylint: disable=consider-using-with
        config = f'{self.base}/launcher.conf'
        with open(config, 'w', encoding='ascii') as file:
            file.write(configuration)
        self.socket_path = f'{self.base}/socket'
        self.launcher = subprocess.Popen(  # pylint: disable=consider-using-with
            [find_program('corral-launcher'), '--socket', self.socket_path, '--uid', str(AGENT), '--cgroup-root',
             self.tree, '--config', config], stdout=self.log, stderr=self.log)
        wait_until(lambda: os.path.exists(self.socket_path), 'the launcher listens')
        # Somebody else's process, in somebody else's cgroup.
        self.victim = subprocess.Popen(['sleep', '1000'])  # pylint: disable=consider-using-with
        with open(f'{self.foreign}/7.1/2.1/cgroup.procs', 'w', encoding='ascii') as file:
            file.write(str(self.victim.pid))

    def directory(self, name, owner, mode=0o700):
        path = f'{self.base}/{name}'
        os.mkdir(path)
        os.chmod(path, mode)
        os.chown(path, owner, owner)
        return path

    def destroy(self):
        for process in (self.launcher, self.victim):
            process.kill()
            process.wait(PATIENCE)
        self.log.close()
        for tree in (self.tree, self.foreign):
            cgroup_destroy(tree)
        shutil.rmtree(self.base)

    def record(self, attempt=1, timeout=PATIENCE):
        """Step, errno and pid of the record of an attempt."""
        path = f'{self.records}/7.1.2.{attempt}.record'
        wait_until(lambda: os.path.exists(path), 'there is a record', timeout)
        with open(path, 'rb') as file:
            fields = struct.unpack(RECORD, file.read()[:struct.calcsize(RECORD)])
        return fields[2], fields[10], fields[12]

    def assert_well(self, uid):
        """The launcher lives, the victim lives, and an honest request is served."""
        assert self.launcher.poll() is None, 'the launcher has ended'
        assert self.victim.poll() is None, 'the victim is dead'
        assert cgroup_pids(self.foreign) == {self.victim.pid}
        for path in glob.glob(f'{self.records}/*') + glob.glob(f'{self.output}/*'):
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        attempt = random.randrange(1000, 1 << 30)
        leaf = f'{self.tree}/jobs/7.1/2.{attempt}'
        os.mkdir(leaf)

        def honest():
            with Rogue(self) as agent, agent.opened(leaf) as fd:
                agent.send(launch_packet(['true'], uid=uid, attempt=attempt), [fd])
                time.sleep(0.2)
        as_user(AGENT, honest)
        assert self.record(attempt)[:2] == (0, 0), self.record(attempt)


def as_user(uid, function):
    """Runs function in a process of the user, without any privilege. Its exception is ours."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.alarm(int(PATIENCE))
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            function()
            status = 0
        except BaseException as error:  # pylint: disable=broad-except
            os.write(write_end, f'{type(error).__name__}: {error}'.encode()[:4000])
        finally:
            os._exit(status)
    os.close(write_end)
    with open(read_end, 'rb') as file:
        text = file.read().decode()
    status = os.waitpid(pid, 0)[1]
    assert status == 0, f'the process of user {uid} failed ({status}): {text}'


class Rogue:
    """A connection to the launcher, which has greeted unless told otherwise."""

    def __init__(self, setup, greet=True):
        self.setup = setup
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(setup.socket_path)
        if greet:
            with self.opened(setup.records) as records, self.opened(setup.output) as output:
                self.greet(records, output)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    @staticmethod
    @contextlib.contextmanager
    def opened(path, flags=os.O_RDONLY | os.O_DIRECTORY):
        fd = os.open(path, flags)
        try:
            yield fd
        finally:
            os.close(fd)

    def send(self, message, fds=()):
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
        try:
            self.socket.sendmsg([message], ancillary)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Refused from error

    def receive(self):
        try:
            answer = self.socket.recv(1 << 17)
        except ConnectionResetError as error:
            raise Refused from error
        if not answer:
            raise Refused
        return answer

    def greet(self, *fds):
        self.send(struct.pack('<II', VERSION, HELLO), fds)
        return self.receive()

    def expect_refused(self, message, fds=()):
        """The message ends the connection, and is not answered."""
        try:
            self.send(message, fds)
            answer = self.receive()
        except Refused:
            return
        raise AssertionError(f'answered with {len(answer)} bytes')


@contextlib.contextmanager
def launcher(configuration='', honest_uid=NOBODY.pw_uid):
    setup = Setup(configuration)
    try:
        yield setup
        setup.assert_well(honest_uid)
    except BaseException:
        setup.log.seek(0)
        print(*(f'# {line}' for line in setup.log.read().splitlines()[-20:]), sep='\n')
        raise
    finally:
        setup.destroy()


def ask_for_launch(setup, leaf=None, **options):
    """Asks for a task that leaves a trace. Returns the path of the trace."""
    trace = f'{setup.shared}/trace-{time.monotonic_ns()}'

    def ask():
        with Rogue(setup) as agent, agent.opened(leaf or setup.leaf) as fd:
            agent.send(launch_packet(['/bin/sh', '-c', f'id > {trace}; touch {trace}'], **options), [fd])
            time.sleep(0.3)
    as_user(AGENT, ask)
    return trace


@test(agent=False)
def tasks_of_root():
    with launcher() as setup:
        trace = ask_for_launch(setup, uid=0, gid=0)
        assert setup.record()[:2] == (STEP_POLICY, 1), setup.record()
        assert not os.path.exists(trace) and not cgroup_pids(setup.tree + '/jobs')


@test(agent=False)
def tasks_of_root_where_they_are_allowed():
    with launcher('RootJobs=yes') as setup:
        trace = ask_for_launch(setup, uid=0, gid=0)
        assert setup.record()[:2] == (0, 0), setup.record()
        assert os.path.exists(trace)


@test(agent=False)
def tasks_of_system_users():
    with launcher() as setup:
        for attempt, uid in enumerate((1, 999, pwd.getpwnam('daemon').pw_uid, 0xfffffffe - 1), 1):
            trace = ask_for_launch(setup, uid=uid, gid=NOBODY.pw_gid, attempt=attempt)
            if uid < 1000:
                assert setup.record(attempt)[:2] == (STEP_POLICY, 1), (uid, setup.record(attempt))
                assert not os.path.exists(trace)
    with launcher('Uids=1500', 1500) as setup:
        trace = ask_for_launch(setup)
        assert setup.record()[:2] == (STEP_POLICY, 1), setup.record()
        assert not os.path.exists(trace)


@test(agent=False)
def groups_that_are_not_the_users():
    shadow = grp.getgrnam('shadow').gr_gid
    with launcher() as setup:
        wrong = [{'gid': 0}, {'groups': [0]}, {'groups': [NOBODY.pw_gid, shadow]}, {'gid': shadow},
                 {'groups': [*range(1, 1000)]}, {'gid': AGENT}]
        for attempt, options in enumerate(wrong, 1):
            trace = ask_for_launch(setup, attempt=attempt, **options)
            assert setup.record(attempt)[:2] == (STEP_USER, 1), (options, setup.record(attempt))
            assert not os.path.exists(trace), options
        # A user that nobody knows has no groups but that of nobody, least of all that of its own number.
        trace = ask_for_launch(setup, uid=1999999999, gid=1999999999, attempt=50)
        assert setup.record(50)[:2] == (STEP_USER, 1) and not os.path.exists(trace), setup.record(50)


@test(agent=False)
def cgroups_that_are_not_the_agents():
    with launcher() as setup:
        places = [cgroup_mount(), setup.tree, f'{setup.tree}/launcher', f'{setup.tree}/jobs', setup.foreign,
                  f'{setup.foreign}/7.1/2.1', '/tmp', '/proc/self/fd', setup.records]

        def ask():
            for place in places:
                for message in (launch_packet(['sleep', '1000']),
                                struct.pack('<IIII', VERSION, SIGNAL, signal.SIGKILL, 1),
                                struct.pack('<IIQII', VERSION, INSPECT, 1, 256, 0),
                                struct.pack('<II', VERSION, PROBE)):
                    with Rogue(setup) as agent, agent.opened(place) as fd:
                        agent.expect_refused(message, [fd])
        as_user(AGENT, ask)
        assert not glob.glob(f'{setup.records}/*') and not glob.glob(f'{setup.output}/*')


@test(agent=False)
def another_cgroup_mounted_over_its_own():
    """In namespaces of its own the agent may mount; the launcher follows no path and no mount."""
    with launcher() as setup:
        libc = ctypes.CDLL(None, use_errno=True)
        clone_newns, clone_newuser, ms_bind = 0x20000, 0x10000000, 0x1000

        def ask():
            if libc.unshare(clone_newuser | clone_newns) < 0:
                print('# no user namespaces here: the mount is made by root instead', flush=True)
                raise PermissionError
            assert libc.mount(f'{setup.foreign}/7.1/2.1'.encode(), setup.leaf.encode(), None, ms_bind, None) == 0
            ask_mounted(setup)

        def ask_as_root():
            assert libc.unshare(clone_newns) == 0 and libc.mount(None, b'/', None, 0x44000, None) == 0
            assert libc.mount(f'{setup.foreign}/7.1/2.1'.encode(), setup.leaf.encode(), None, ms_bind, None) == 0
            os.setresuid(AGENT, AGENT, AGENT)
            ask_mounted(setup)
        try:
            as_user(AGENT, ask)
        except AssertionError as error:
            if 'PermissionError' not in str(error):
                raise
            as_user(0, ask_as_root)


def ask_mounted(setup):
    for message in (launch_packet(['sleep', '1000']), struct.pack('<IIII', VERSION, SIGNAL, signal.SIGKILL, 1)):
        with Rogue(setup) as agent, agent.opened(setup.leaf) as fd:
            assert os.path.samestat(os.fstat(fd), os.stat(f'{setup.foreign}/7.1/2.1'))
            agent.expect_refused(message, [fd])


@test(agent=False)
def directories_that_are_not_its_own():
    with launcher() as setup:
        strangers = setup.directory('strangers', STRANGER, 0o755)
        open_to_all = setup.directory('open', AGENT, 0o777)
        open_to_group = setup.directory('group', AGENT, 0o770)
        file = f'{setup.records}/file'
        with open(file, 'w', encoding='ascii'):
            os.chown(file, AGENT, AGENT)

        def ask():
            for path in ('/etc', '/tmp', '/', '/proc', setup.base, setup.shared, strangers, open_to_all, open_to_group):
                for first in (True, False):
                    with Rogue(setup, greet=False) as agent, agent.opened(path) as fd, \
                         agent.opened(setup.records) as own:
                        agent.expect_refused(struct.pack('<II', VERSION, HELLO), [fd, own] if first else [own, fd])
            with Rogue(setup, greet=False) as agent, agent.opened(setup.records) as own, \
                 agent.opened(file, os.O_RDWR) as fd:
                agent.expect_refused(struct.pack('<II', VERSION, HELLO), [own, fd])
            # A second greeting does not change them either.
            with Rogue(setup) as agent, agent.opened(setup.output) as own:
                agent.expect_refused(struct.pack('<II', VERSION, HELLO), [own, own])
        as_user(AGENT, ask)
        assert not os.listdir(strangers) and not os.listdir(open_to_all)


@test(agent=False)
def traps_in_its_own_directories():
    """Links in the place of the files that the launcher and the reapers make with the rights of root."""
    with launcher() as setup:
        target = f'{setup.base}/target'
        with open(target, 'w', encoding='ascii') as file:
            file.write('untouched')

        def set_traps():
            for suffix in ('.stdout', '.stderr'):
                os.symlink(target, f'{setup.output}/7.1.2.1{suffix}')
            os.symlink(target, f'{setup.records}/new.{setup.launcher.pid}')
            os.symlink(target, f'{setup.records}/7.1.2.2.record')
            os.symlink(target, f'{setup.records}/7.1.2.3.claim')
            os.mkdir(f'{setup.records}/7.1.2.4.record')
        as_user(AGENT, set_traps)
        for attempt in range(1, 5):
            leaf = f'{setup.tree}/jobs/7.1/2.{attempt}'
            os.makedirs(leaf, exist_ok=True)

            def ask(leaf=leaf, attempt=attempt):
                packet = launch_packet(['/bin/sh', '-c', 'echo out; echo err >&2'], attempt=attempt, outputs='')
                with Rogue(setup) as agent, agent.opened(leaf) as fd:
                    agent.send(packet, [fd])
                    time.sleep(0.3)
            as_user(AGENT, ask)
        with open(target, encoding='ascii') as file:
            assert file.read() == 'untouched'
        assert os.stat(target).st_uid == 0
        assert setup.record(1)[:2] == (0, 0), setup.record(1)


@test(agent=False)
def other_users():
    with launcher() as setup:
        own = setup.directory('strangers', STRANGER)

        def ask():
            with Rogue(setup, greet=False) as agent, agent.opened(own) as fd:
                agent.expect_refused(struct.pack('<II', VERSION, HELLO), [fd, fd])
        os.chmod(setup.socket_path, 0o777)
        as_user(STRANGER, ask)


@test(agent=False, timeout=120)
def what_makes_no_sense():
    """Random messages with random descriptors: what is not exactly a message ends the connection, and does nothing."""
    with launcher() as setup:
        seed = random.randrange(1 << 32)
        print(f'# seed {seed}')
        honest = [launch_packet(['true'], attempt=9), struct.pack('<IIII', VERSION, SIGNAL, signal.SIGKILL, 1),
                  struct.pack('<IIQII', VERSION, INSPECT, 1, 256, 0), struct.pack('<II', VERSION, PROBE),
                  struct.pack('<II', VERSION, HELLO)]

        def mutate(chance):
            message = bytearray(chance.choice(honest))
            for _ in range(chance.randrange(1, 5)):
                action = chance.randrange(4)
                if action == 0 and message:
                    message[chance.randrange(len(message))] = chance.randrange(256)
                elif action == 1:
                    del message[chance.randrange(len(message) + 1):]
                elif action == 2:
                    message += bytes(chance.randrange(256) for _ in range(chance.randrange(40)))
                elif len(message) >= 4:
                    at = chance.randrange(0, len(message) - 3, 4)
                    message[at:at + 4] = struct.pack('<I', chance.choice([0, 1, 0xffff, 0x7fffffff, 0xffffffff]))
            return bytes(message)

        def ask():
            chance = random.Random(seed)
            paths = [setup.leaf, setup.records, setup.output, f'{setup.foreign}/7.1/2.1', '/', '/dev/null', '/dev/zero']
            for _ in range(1500):
                with contextlib.ExitStack() as stack:
                    agent = stack.enter_context(Rogue(setup))
                    fds = [os.open(chance.choice(paths), os.O_RDONLY) for _ in range(chance.randrange(4))]
                    try:
                        agent.send(mutate(chance), fds)
                    except (Refused, OSError):
                        pass
                    for fd in fds:
                        os.close(fd)
        as_user(AGENT, ask)
        # The only task that any of this could start is the honest one's.
        assert not any(process_alive(pid) for pid in cgroup_pids(setup.foreign) - {setup.victim.pid})
        for pid in cgroup_pids(f'{setup.tree}/jobs'):
            kill(pid)


if __name__ == '__main__':
    run()
