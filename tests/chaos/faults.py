# SPDX-License-Identifier: LGPL-2.1-or-later
"""What goes wrong in the chaos test: deaths, stops, and things that run out. Each is written down for judge.py
(faults), before it can have an effect."""

import errno
import json
import os
import re
import resource
import signal
import subprocess
import time

from corral_agent import Agent, find_program
from processes import cgroup_pids, kill, own_mounts, process_state
from support import PATIENCE
from varlink import Refused

STATE_SIZE = 512 << 20
RUNTIME_SIZE = 1 << 20
RUNTIME_FILES = 512
TITLE = re.compile(rb'corral-reaper (\d+)\.(\d+)\.(\d+)\.(\d+)\0*')
LEAF = re.compile(r'/jobs/(\d+)\.(\d+)/(\d+)\.(\d+)$')
SHORTAGE_LONGEST = 4  # rounds


class ChaosAgent(Agent):
    """An agent with a launcher of its own kind beside it, and little room for both of its directories."""

    def __init__(self):
        super().__init__(own_launcher=False, disk_size=STATE_SIZE)
        own_mounts()
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={RUNTIME_SIZE},nr_inodes={RUNTIME_FILES},mode=0755',
                        'none', self.runtime_dir], check=True)
        for directory in (self.disk, self.runtime_dir):
            with open(f'{directory}/filler', 'wb'):
                pass
        self.witness = self.shared + '/witness-program'
        with open(find_program('witness'), 'rb') as source, open(self.witness, 'wb') as target:
            target.write(source.read())
        os.chmod(self.witness, 0o755)
        self.evidence = f'{self.base}/evidence'
        os.mkdir(self.evidence)

    def look(self):
        """The status of the agent; None when it cannot tell it now."""
        try:
            return self.answers()
        except (AssertionError, Refused, TimeoutError):
            return None

    def forget(self, who):
        """The process of "agent" or "launcher" has ended."""
        if who == 'agent':
            self._gone()
        else:
            self.launcher = None

    def destroy(self):
        for process in (self.process, self.launcher):
            if process:
                kill(process.pid, signal.SIGCONT)
        try:
            super().destroy()
        finally:
            subprocess.run(['umount', '--lazy', self.runtime_dir], check=True)
            os.rmdir(self.runtime_dir)


def fill(path):
    """Fills the disk of a file to the last block."""
    fd = os.open(path, os.O_WRONLY)
    try:
        disk = os.fstatvfs(fd)
        for step in (disk.f_bavail * disk.f_frsize, 1 << 16, 1 << 12):
            try:
                while step > 0:
                    os.posix_fallocate(fd, os.fstat(fd).st_size, step)
            except OSError as error:
                assert error.errno == errno.ENOSPC, error
    finally:
        os.close(fd)


def parent_of(pid):
    """The parent of a process; None when it has gone."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
            return int(file.read().rpartition(')')[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


class Faults:
    """The faults, and the way back."""

    def __init__(self, agent, rng):
        self.agent = agent
        self.random = rng
        self.log = open(f'{agent.evidence}/faults', 'a', encoding='utf-8')  # pylint: disable=consider-using-with
        self.shortages = {}  # the function that ends it -> rounds that it has left
        self.paused = None   # the descriptor of a reaper that is stopped
        self.began_short = {}  # who -> whether it was started in a shortage

    def note(self, what, **fields):
        self.log.write(json.dumps({'what': what, **fields}) + '\n')
        self.log.flush()

    # -- agent and launcher --

    def process(self, who):
        """The process of "agent" or "launcher" if it lives. One that ended by itself is noted."""
        process = self.agent.process if who == 'agent' else self.agent.launcher
        if process is None or process.poll() is None:
            return process
        self.note('ended', who=who, status=process.returncode, short=self.is_short() or self.began_short[who])
        self.agent.forget(who)
        return None

    def kill(self, who):
        process = self.process(who)
        if process:
            self.note(who)
            process.kill()
            process.wait()
            self.agent.forget(who)

    def kill_agent(self):
        self.kill('agent')

    def kill_launcher(self):
        self.kill('launcher')

    def end_agent(self):
        """An orderly end."""
        process = self.process('agent')
        if process:
            self.note('orderly end')
            process.terminate()
            process.wait(PATIENCE)
            self.agent.forget('agent')

    def stop(self, who):
        """Stops it for a moment; it may be killed in it."""
        process = self.process(who)
        if not process:
            return
        self.note('stop', who=who)
        process.send_signal(signal.SIGSTOP)
        time.sleep(self.random.choice([0.01, 0.1, self.random.uniform(0, 1)]))
        if self.random.random() < 0.2:
            self.kill(who)
        else:
            process.send_signal(signal.SIGCONT)

    def stop_agent(self):
        self.stop('agent')

    def stop_launcher(self):
        self.stop('launcher')

    def revive(self):
        """Starts what is dead, in any order."""
        for who in self.random.sample(['agent', 'launcher'], 2):
            if self.process(who):
                continue
            if who == 'agent':
                self.agent.launch_agent()
            else:
                self.agent.start_launcher()
            self.began_short[who] = self.is_short()
            if who == 'agent' and self.feed_agent in self.shortages:
                self.lower_newborn()

    # -- reapers and tasks --

    def reapers(self):
        """The reapers that can be told, as (pid, pidfd, attempt). The caller closes the descriptors."""
        launcher = self.agent.launcher.pid if self.agent.launcher else None
        pids = cgroup_pids(f'{self.agent.cgroup}/launcher') - {launcher}
        found = []
        for pid in sorted(pids):
            try:
                pidfd = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            attempt = self.attempt_of(pid)
            # What a reaper has forked to ask something has its title for a moment.
            if attempt and parent_of(pid) not in pids:
                found.append((pid, pidfd, attempt))
            else:
                os.close(pidfd)
        return found

    @staticmethod
    def attempt_of(pid):
        """The attempt that is in the title of a reaper; None before it has one, and when it is a zombie."""
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as file:
                match = TITLE.fullmatch(file.read())
        except (FileNotFoundError, ProcessLookupError):
            return None
        return list(map(int, match.groups())) if match else None

    @staticmethod
    def send(pidfd, signo=signal.SIGKILL):
        try:
            signal.pidfd_send_signal(pidfd, signo)
        except ProcessLookupError:
            pass

    def kill_reaper(self):
        """Kills a reaper that is known to have told nothing yet: it is stopped, and its claim is still a claim."""
        reapers = self.reapers()
        if reapers:
            pid, pidfd, attempt = self.random.choice(reapers)
            self.send(pidfd, signal.SIGSTOP)
            end = time.monotonic() + 1
            while process_state(pid) not in ('T', 'Z', None) and time.monotonic() < end:
                time.sleep(0.001)
            claim = f'{self.agent.runtime_dir}/records/{".".join(map(str, attempt))}.claim'
            certain = process_state(pid) == 'T' and self.attempt_of(pid) == attempt and os.path.exists(claim)
            self.note('reaper', attempt=attempt, certain=certain)
            self.send(pidfd)
        for _, pidfd, _ in reapers:
            os.close(pidfd)

    def pause_reaper(self):
        """Stops a reaper for some rounds: what its task does meanwhile is known late."""
        if self.resume_reaper in self.shortages:
            return
        reapers = self.reapers()
        self.random.shuffle(reapers)
        for _, pidfd, _ in reapers[1:]:
            os.close(pidfd)
        if reapers:
            self.paused = reapers[0][1]
            self.send(self.paused, signal.SIGSTOP)
            self.begin('reaper stopped', self.resume_reaper)

    def resume_reaper(self):
        self.send(self.paused, signal.SIGCONT)
        os.close(self.paused)

    def kill_reapers(self):
        """Kills some or all of them, wherever they are."""
        share = self.random.choice([0.2, 0.5, 1])
        for _, pidfd, attempt in self.reapers():
            if self.random.random() < share:
                self.note('reaper', attempt=attempt, certain=False)
                self.send(pidfd)
            os.close(pidfd)

    def kill_tasks(self):
        """Kills some processes of tasks."""
        share = self.random.choice([0.1, 0.3])
        for directory, _, _ in os.walk(f'{self.agent.cgroup}/jobs'):
            match = LEAF.search(directory)
            for pid in cgroup_pids(directory) if match else ():
                if self.random.random() < share:
                    self.kill_task(directory, pid, list(map(int, match.groups())))

    def kill_task(self, directory, pid, numbers):
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        if pid in cgroup_pids(directory):  # it still is the one that was listed
            self.note('task', attempt=[numbers[0], numbers[2], numbers[3]])
            self.send(pidfd)
        os.close(pidfd)

    # -- what runs out --

    def is_short(self):
        return any(end != self.resume_reaper for end in self.shortages)

    def begin(self, name, end):
        self.note(name)
        self.shortages[end] = self.random.randint(1, SHORTAGE_LONGEST)

    def fill_state(self):
        if self.random.random() < 0.7:
            # SQLite uses the room of its log again and again: after an orderly end it has none.
            self.end_agent()
            self.revive()
            end = time.monotonic() + 5
            while self.process('agent') and not self.agent.look() and time.monotonic() < end:
                time.sleep(0.01)
        fill(f'{self.agent.disk}/filler')
        self.begin('full state directory', self.empty_state)

    def empty_state(self):
        os.truncate(f'{self.agent.disk}/filler', 0)

    def fill_runtime(self):
        fill(f'{self.agent.runtime_dir}/filler')
        self.begin('full runtime directory', self.empty_runtime)

    def empty_runtime(self):
        os.truncate(f'{self.agent.runtime_dir}/filler', 0)

    def fill_names(self):
        """No file can be made in the runtime directory."""
        directory = f'{self.agent.runtime_dir}/fillers'
        os.makedirs(directory, exist_ok=True)
        try:
            for number in range(RUNTIME_FILES + 1):
                os.close(os.open(f'{directory}/{number}', os.O_WRONLY | os.O_CREAT, 0o600))
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
        self.begin('no more names in the runtime directory', self.empty_names)

    def empty_names(self):
        directory = f'{self.agent.runtime_dir}/fillers'
        for name in os.listdir(directory):
            os.unlink(f'{directory}/{name}')
        os.rmdir(directory)

    @staticmethod
    def limit(process, limit):
        """Sets how many descriptors a process may have; None: as many as it can."""
        try:
            hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[1]
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (limit or hard, hard))
        except ProcessLookupError:
            pass

    def lower(self, who, most):
        """Lets a process have about as many descriptors as it has."""
        process = self.process(who)
        if process:
            now = len(os.listdir(f'/proc/{process.pid}/fd'))
            self.limit(process, max(3, now + self.random.randint(-4, most)))

    def lower_newborn(self):
        """The same for an agent that has just been started, which raises its limit first of all."""
        process = self.agent.process
        self.limit(process, 64)
        end = time.monotonic() + 1
        while process.poll() is None and time.monotonic() < end:
            soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            if soft == hard:
                break
        time.sleep(self.random.choice([0, self.random.uniform(0, 0.03)]))
        self.lower('agent', 8)

    def starve_agent(self):
        self.lower('agent', 8)
        self.begin('few descriptors for the agent', self.feed_agent)

    def starve_launcher(self):
        self.lower('launcher', 4)
        self.begin('few descriptors for the launcher', self.feed_launcher)

    def feed_agent(self):
        if self.process('agent'):
            self.limit(self.agent.process, None)

    def feed_launcher(self):
        if self.process('launcher'):
            self.limit(self.agent.launcher, None)

    def pass_round(self):
        """Ends the shortages that have lasted long enough. The agent may have some room in reserve."""
        if self.empty_state in self.shortages and self.random.random() < 0.4:
            fill(f'{self.agent.disk}/filler')
        for end in list(self.shortages):
            self.shortages[end] -= 1
            if self.shortages[end] <= 0:
                self.finish(end)

    def finish(self, end):
        del self.shortages[end]
        self.note('end', of=end.__name__)
        end()

    def finish_all(self):
        for end in list(self.shortages):
            self.finish(end)
