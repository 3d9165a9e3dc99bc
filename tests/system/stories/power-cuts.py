# SPDX-License-Identifier: LGPL-2.1-or-later
"""# The power goes again and again under load, and what anybody was told stays true
[vm, debian 13]
[vm, debian 12, long]

Alice, Bob and Carol submit, cancel and requeue jobs and watch them, and all that they are told leaves the machine at
once. Then the power goes: under load, or while the machine boots. The disk loses what it was not told to flush. After
each boot cut_judge.py looks at what is left: as the agent finds it, and as the agent leaves it. In the end everything
finishes, and the agent is asked for all that it knows.

CORRAL_CUTS is the number of cuts; CORRAL_CUTS_EVIDENCE names a directory for what the judge reads.
"""

import collections
import io
import json
import os
import random
import shutil
import sys
import tarfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
CUTS_PROGRAMS = HERE.parent / 'cuts'
CHAOS = HERE.parents[1] / 'chaos'
sys.path.insert(1, str(CUTS_PROGRAMS))

# pylint: disable=wrong-import-position
from channel import Failed  # noqa: E402
from cut_judge import CutJudge, Damaged, read_store, running  # noqa: E402

CUTS = int(os.environ.get('CORRAL_CUTS') or (50 if os.environ.get('CORRAL_TESTS_ALL') else 2))
USERS = ('alice', 'bob', 'carol')
TOOLS = '/usr/local/lib/corral-tests'
AGENT = '/run/corral/io.corral'
STATE = '/var/lib/cuts'  # what is on the guest's disk
PROGRAMS = [CUTS_PROGRAMS / 'cut_load.py', CUTS_PROGRAMS / 'cut-found', CUTS_PROGRAMS / 'cut-now', CHAOS / 'load.py',
            CHAOS / 'look.py', CHAOS / 'ask.py']
TOKEN = 'WITNESS_DURABLE=1'  # as in cut_load.py
LOAD_SECONDS = 15  # at most, before the power goes
BOOT_SECONDS = 4   # likewise, of a machine that takes its first commands
HASTY = 0.3        # the part of the cuts that come while the machine boots
SETTLE_SECONDS = 900
COMPLAINTS_SHOWN = 40

# What takes most of a boot here, and is of no interest: to find hardware, and what only people at a console need.
NEEDLESS = ' '.join((
    'systemd-udevd.service', 'systemd-udevd-control.socket', 'systemd-udevd-kernel.socket',
    'systemd-udev-trigger.service', 'systemd-logind.service', 'dbus.service', 'dbus.socket',
    'systemd-random-seed.service', 'systemd-update-utmp.service', 'systemd-update-utmp-runlevel.service',
    'systemd-journal-flush.service', 'kmod-static-nodes.service', 'systemd-modules-load.service',
    'systemd-pcrphase.service', 'systemd-binfmt.service', 'proc-sys-fs-binfmt_misc.automount',
    'systemd-sysctl.service', 'systemd-remount-fs.service', 'systemd-tmpfiles-setup-dev-early.service',
    'systemd-tmpfiles-setup-dev.service', 'run-lock.mount', 'tmp.mount', 'dev-hugepages.mount', 'dev-mqueue.mount',
    'sys-kernel-tracing.mount', 'sys-kernel-debug.mount', 'modprobe@.service'))
# What udev does for the tests.
PORT = '''[Service]
ExecStartPre=/bin/sh -c 'modprobe virtio_console && mkdir -p /dev/virtio-ports && \\
    until name=$$(grep -lx corral-tests /sys/class/virtio-ports/*/name); do sleep 0.05; done && \\
    ln -sf ../$$(basename $$(dirname $$name)) /dev/virtio-ports/corral-tests'
'''

PREPARE = f'''
set -e
tar -x -z -C /
systemctl mask {NEEDLESS} 2>/dev/null
systemctl daemon-reload
systemctl -q enable cut-found.service
mkdir {STATE}
touch {STATE}/witness {STATE}/witness-locks
chmod 666 {STATE}/*
corral param Slots=6
sync
'''

SUBMIT_THE_REST = f'''
import sys
sys.path.insert(0, '{TOOLS}')
from varlink import Client
with Client('{AGENT}') as agent:
    jobs = [job['id'] for job in agent.listed('ListJobs', 'job', status=['notSubmitted'])]
    if jobs:
        agent.call('SubmitJobs', jobs=jobs)
'''


def pack(files):
    """An archive of files, by their paths; programs have no suffix, or that of Python."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode='w:gz') as tar:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(data), 0o755 if Path(path).suffix in ('', '.py') else 0o644
            tar.addfile(member, io.BytesIO(data))
    return archive.getvalue()


class Ledger:
    """What clients have told, as files for the judge. It is told by the thread that reads from the machine."""

    def __init__(self, directory):
        self.files = {name: open(directory / name, 'a', encoding='utf-8')  # pylint: disable=consider-using-with
                      for name in ('calls', 'entries', 'faults')}
        self.lock = threading.Lock()

    def write(self, name, value):
        self.files[name].write(json.dumps(value) + '\n')
        self.files[name].flush()


class Client:
    """The load of one user in one life of the machine."""

    def __init__(self, ledger, name):
        self.ledger, self.name = ledger, name
        self.rest = b''
        self.unanswered = set()
        self.has_begun = threading.Event()
        self.is_cut = False

    def listen(self, command, data):
        """Takes what it tells. A call may only be made when it is in the ledger."""
        *lines, self.rest = (self.rest + data).split(b'\n')
        for line in lines:
            message = json.loads(line)
            with self.ledger.lock:
                if not self.is_cut:
                    self.note(message)
            if 'method' in message:
                command.write(b'\n')
        self.has_begun.set()

    def note(self, message):
        if 'entry' in message:
            self.ledger.write('entries', message['entry'])
            return
        message['call'] = f'{self.name} {message["call"]}'
        self.ledger.write('calls', message)
        if 'method' in message:
            self.unanswered.add(message['call'])
        else:
            self.unanswered.discard(message['call'])

    def cut(self):
        """The machine has gone: what comes now comes too late."""
        with self.ledger.lock:
            self.is_cut = True
            for call in self.unanswered:
                self.ledger.write('calls', {'call': call, 'cut': True})


class Cuts:
    """The driver."""

    def __init__(self, machine):
        self.machine = machine
        self.scratch = machine.workspace.directory('cuts')
        self.evidence = self.scratch / 'evidence'
        self.evidence.mkdir()
        self.ledger = Ledger(self.evidence)
        self.seen = set()  # boots whose find has been judged
        self.n_judged = 0
        self.figures = collections.Counter()

    # -- the guest --

    def prepare(self):
        """Puts into the machine what it needs, for good."""
        witness = self.scratch / 'witness'
        self.machine.workspace.run(['cc', '-static', '-O1', '-s', '-D_GNU_SOURCE', '-o', witness, CHAOS / 'witness.c'])
        units = 'etc/systemd/system'
        files = {f'{TOOLS}/{program.name}'.lstrip('/'): program.read_bytes() for program in [*PROGRAMS, witness]}
        files[f'{units}/cut-found.service'] = (CUTS_PROGRAMS / 'cut-found.service').read_bytes()
        files[f'{units}/corral-tests.service.d/port.conf'] = PORT.encode()
        self.machine.run(PREPARE, stdin=pack(files))

    def begin_load(self, number):
        """Starts the users' clients. Returns them, with their commands."""
        clients = []
        for user in USERS:
            client = Client(self.ledger, f'{user} {number}')
            command = self.machine.start(
                f'exec {TOOLS}/cut_load.py {AGENT} {TOOLS}/witness {STATE}/witness "$name" {random.randrange(1 << 32)}',
                user, listener=client.listen, name=client.name)
            clients.append((client, command))
        for client, command in clients:
            if not client.has_begun.wait(self.machine.patience):
                raise Failed(f'the load does not begin: {command.name}')
        return clients

    def cut(self, clients):
        for client, command in clients:
            if command.is_over():
                raise Failed(f'the load has ended: {command.wait(1)}')
        self.machine.power_cut()
        for client, _ in clients:
            client.cut()
        report = self.machine.disk_report
        self.figures.update({'cuts': 1, 'sectors unflushed': report['unflushed'], 'sectors lost': report['lost']})

    # -- judgement --

    def unpack(self, directory, archive):
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(directory)

    def judge(self, directory, before=None):
        """Judges a copy of the records and what the witness had told by then. Returns the records."""
        self.n_judged += 1
        try:
            answers = read_store(directory / 'corral.db')
        except Damaged as error:
            self.blame([str(error)])
        (self.evidence / 'answers').write_text(json.dumps(answers), encoding='utf-8')
        shutil.copy(directory / 'witness', self.evidence)
        judge = CutJudge(self.evidence)
        judge.run()
        if before:
            judge.compare(before)
        self.blame(judge.complaints)
        return answers

    def blame(self, complaints):
        if complaints:
            raise AssertionError('\n'.join([f'after {self.figures["cuts"]} cuts:', *complaints[:COMPLAINTS_SHOWN]]))

    def keep(self):
        kept = os.environ.get('CORRAL_CUTS_EVIDENCE')
        if kept:
            shutil.copytree(self.scratch, kept, dirs_exist_ok=True)
            shutil.copy(self.machine.console_path, kept)

    def look(self):
        """After a boot: judges what the agents found since the last look, and what the last one has made of it."""
        directory = self.scratch / f'look{self.n_judged}'
        self.unpack(directory, self.machine.run(f'{TOOLS}/cut-now').stdout)
        before = None
        for found in sorted((directory / 'found').iterdir(), key=lambda path: path.stat().st_mtime):
            # To remove it may have been undone by the next cut.
            if found.suffix != '.unfinished' and found.name not in self.seen:
                self.seen.add(found.name)
                before = self.judge(found)
                cut = running(before)
                self.figures['attempts running at a cut'] += len(cut)
                self.ledger.write('faults', {'what': 'power cut', 'running': cut})
        assert before, 'nothing was found'
        self.judge(directory / 'now', before)
        shutil.rmtree(directory)

    # -- the end --

    def is_over(self):
        counts = json.loads(self.machine.run('corral --json status').text)['jobs']
        return not any(counts[status] for status in ('notSubmitted', 'queued', 'running', 'canceling'))

    def leftovers(self):
        pids = [self.machine.run(f'systemctl show --value --property MainPID {unit}').text.strip()
                for unit in ('corrald', 'corral-jobs')]
        cgroup = '/sys/fs/cgroup/system.slice/corral-jobs.service'
        found = self.machine.run(f'{TOOLS}/look.py end {TOKEN} {cgroup} /run/corral /var/lib/corral {" ".join(pids)}')
        return json.loads(found.text)

    def settle(self):
        """Everything ends; the agent is asked for all, and nothing may be left."""
        self.machine.run('python3 -', stdin=SUBMIT_THE_REST.encode())
        end = time.monotonic() + SETTLE_SECONDS
        while not self.is_over() and time.monotonic() < end:
            time.sleep(0.5)
        while True:
            look = self.leftovers()
            if time.monotonic() > end or not any(look[what] for what in (
                    'processes', 'cgroups', 'frozen', 'reapers', 'files')):
                break
            time.sleep(0.5)
        (self.evidence / 'looks').write_text(json.dumps(look) + '\n', encoding='utf-8')
        (self.evidence / 'answers').write_bytes(self.machine.run(f'{TOOLS}/ask.py {AGENT}').stdout)
        (self.evidence / 'witness').write_bytes(self.machine.get(f'{STATE}/witness'))
        judge = CutJudge(self.evidence, settled=True)
        judge.run()
        self.figures.update({'jobs': len(judge.evidence.jobs), 'starts': len(judge.evidence.order),
                             'acknowledged facts': judge.facts, 'restarted': judge.causes['hostRestarted'],
                             'user look-ups too slow': judge.too_slow})
        self.blame(judge.complaints)

    def play(self):
        try:
            self.play_to_the_end()
        finally:
            self.keep()

    def play_to_the_end(self):
        self.prepare()
        for number in range(1, CUTS + 1):
            if number > 1 and random.random() < HASTY:
                self.figures['cuts while it boots'] += 1
                time.sleep(random.uniform(0, BOOT_SECONDS))
                self.cut([])
            else:
                if number > 1:
                    self.look()
                clients = self.begin_load(number)
                time.sleep(random.uniform(0, LOAD_SECONDS))
                self.cut(clients)
            self.machine.boot(finish=False)
        self.look()
        self.settle()
        print('#', ', '.join(f'{name}: {count}' for name, count in self.figures.items()), flush=True)


def play(machine):
    """The story."""
    Cuts(machine).play()
