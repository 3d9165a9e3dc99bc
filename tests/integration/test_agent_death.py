#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The agent, the launcher and the reapers are killed, under load: nothing acknowledged is lost, nothing runs twice, no
exit status is lost or invented, and every verdict of the recovery has its name in the history."""

import collections
import contextlib
import errno
import fcntl
import os
import random
import signal
import socket
import sqlite3
import struct
import threading
import time

from corral_test import TERMINAL, Agent, cgroup_pids, expect, kill, pick, process_alive, run, test, wait_until

MESSAGE_MAX = 1 << 17   # of the launcher's protocol
POLICY_RANGES_MAX = 64  # of LauncherWelcome
LONG = 120000000        # would outlast every test


class Load:
    """Clients that submit, cancel and requeue without waiting for each other, and what they were told."""

    def __init__(self, agent):
        self.agent = agent
        self.witness = agent.ready_path('witness')
        self.codes = {}      # (job name, task) -> the exit code it will have
        self.submitted = {}  # job id -> name, acknowledged
        self.canceled = set()
        self.pending = collections.deque()
        self.client = None
        self.number = 0

    def send(self, method, note, **parameters):
        self.client.send(method, **parameters)
        self.pending.append(note)

    def submit(self):
        self.number += 1
        name = f'load {self.number}'
        tasks = []
        for task in range(1, random.randrange(1, 4) + 1):
            code = self.codes[name, task] = random.randrange(1, 200) if random.random() < 0.7 else 0
            tasks.append([self.agent.victim, 'witness', self.witness, str(random.randrange(150)), str(code)])
        self.send('QueueJob', ('submit', name), job=self.agent.spec(*tasks, name=name))

    def act(self):
        choice = random.random()
        if choice < 0.6 or not self.submitted:
            self.submit()
            return
        job = random.choice(list(self.submitted)[-12:])
        if choice < 0.8:
            self.send('CancelJobs', ('cancel', job), jobs=[job], message='load')
        else:
            self.send('RequeueJobs', ('requeue', job), jobs=[job])

    def drain(self):
        """Takes in the replies that have come."""
        while self.pending and self.client.ready():
            message = self.client.receive_raw()
            if message is None:
                return
            what, subject = self.pending.popleft()
            assert 'error' not in message, message
            if what == 'submit':
                self.submitted[message['parameters']['id']] = subject
            elif what == 'cancel' and message['parameters']['results'][0].get('error') is None:
                self.canceled.add(subject)

    def run(self, seconds):
        """Acts for some time. Returns with calls under way."""
        self.client = self.agent.client()
        self.pending.clear()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if len(self.pending) < 20:
                    self.act()
                self.drain()
            except (BrokenPipeError, ConnectionResetError):
                return
            time.sleep(random.uniform(0, 0.004))

    def hang_up(self):
        """Takes in what was answered before the agent died."""
        try:
            self.drain()
        except ConnectionResetError:
            pass
        self.client.close()

    def settle(self):
        """Waits until everything is over. Returns all jobs."""
        agent = self.agent

        def over():
            counts = agent.status()['jobs']
            return counts['total'] == sum(counts[status] for status in TERMINAL)
        wait_until(over, lambda: f'all jobs are over: {agent.status()["jobs"]}', 120)
        return agent.listed('ListJobs', 'job')

    def read_witness(self):
        """What really happened: by attempt, how often it started and which codes it exited with."""
        starts, exits = collections.Counter(), collections.defaultdict(list)
        if os.path.exists(self.witness):
            with open(self.witness, encoding='ascii') as file:
                for line in file:
                    name, what, *code = line.split()
                    key = tuple(map(int, name.split('.')))
                    if what == 'start':
                        starts[key] += 1
                    else:
                        exits[key].append(int(code[0]))
        return starts, exits

    def judge(self, may_be_lost=False):
        """Compares the records with what really happened. Returns how often each cause was recorded."""
        jobs = {job['id']: job for job in self.settle()}
        starts, exits = self.read_witness()
        recorded, causes = set(), collections.Counter()
        for job, name in self.submitted.items():
            assert job in jobs and jobs[job]['name'] == name, f'job {job} was acknowledged: {jobs.get(job)}'
        for job in jobs:
            for attempt in self.agent.attempts(job):
                key = job, attempt['task'], attempt['attempt']
                recorded.add(key)
                causes[attempt['cause']] += 1
                self.judge_attempt(attempt, self.codes[jobs[job]['name'], attempt['task']], starts[key], exits[key],
                                   may_be_lost)
        assert not (unknown := set(starts) - recorded), f'these ran and are not on record: {unknown}'
        print(f'# {len(jobs)} jobs, {sum(starts.values())} starts, attempts: {dict(causes)}')
        return causes

    def judge_attempt(self, attempt, code, starts, exits, may_be_lost):
        assert starts <= 1 and len(exits) <= 1, f'started {starts} times, exited {exits}: {attempt}'
        assert all(status == code for status in exits)
        assert attempt['status'] in TERMINAL, attempt
        cause = attempt['cause']
        if cause == 'exited':
            assert starts == 1 and exits == [code] and attempt['exitCode'] == code, (attempt, starts, exits)
            assert attempt['status'] == ('failed' if code else 'finished'), attempt
        elif cause == 'lost':
            assert may_be_lost and attempt['exitCode'] is None and attempt['signal'] is None, attempt
            assert attempt['waitStatus'] is None, attempt
        elif cause == 'systemError':  # never launched
            assert starts == 0 and attempt['exitCode'] is None, (attempt, starts)
        else:
            assert cause in ('jobCanceled', 'requeued'), attempt
            assert attempt['exitCode'] in (None, code), attempt


@test(timeout=300)
def agent_killed_200_times(agent):
    agent.set(Slots=20)
    load = Load(agent)
    for _ in range(200):
        load.run(random.uniform(0, 0.1))
        agent.kill()
        load.hang_up()
        time.sleep(random.choice([0, 0, random.uniform(0, 0.1)]))
        agent.start(launcher=False)
    load.judge()
    agent.verify()
    agent.assert_nothing_left()


@test(agent=False, timeout=200)
def agent_killed_while_the_launcher_stays():
    """As under a service manager: the launcher is a service of its own."""
    agent = Agent(own_launcher=False).start()
    agent.set(Slots=20)
    load = Load(agent)
    for _ in range(60):
        load.run(random.uniform(0, 0.1))
        agent.kill()
        load.hang_up()
        agent.start(launcher=False)
    load.judge()
    agent.verify()
    agent.assert_nothing_left()


@test(timeout=200)
def launcher_killed_under_load(agent):
    agent.set(Slots=20)
    load = Load(agent)
    for _ in range(40):
        load.run(random.uniform(0, 0.1))
        agent.kill_launcher()
        load.hang_up()
        if random.random() < 0.5:
            wait_until(lambda: agent.status()['launcherConnected'], 'another launcher is connected')
    load.judge()
    agent.verify()
    agent.assert_nothing_left()


@test(timeout=200)
def both_killed_under_load(agent):
    agent.set(Slots=20)
    load = Load(agent)
    for _ in range(40):
        load.run(random.uniform(0, 0.1))
        for victim in random.sample([agent.kill, agent.kill_launcher], 2):
            # The death of the agent ends its launcher, too: it may be gone already.
            if victim == agent.kill or (agent.process and agent.launcher_pid()):
                victim()
        load.hang_up()
        agent.start(launcher=False)
    load.judge()
    agent.verify()
    agent.assert_nothing_left()


@test(timeout=200)
def reapers_killed_under_load(agent):
    """The one thing that is lost then is the exit status, and the record says so."""
    agent.set(Slots=20)
    load = Load(agent)
    for number in range(40):
        load.run(random.uniform(0.02, 0.1))
        for reaper in agent.reapers():
            if random.random() < 0.5:
                kill(reaper)
        if number % 4 == 0:
            agent.kill()
        load.hang_up()
        if not agent.process:
            agent.start(launcher=False)
    causes = load.judge(may_be_lost=True)
    assert causes['lost'] > 0
    agent.verify()
    agent.assert_nothing_left()


@test
def reapers_killed_at_birth(agent):
    """However early a reaper dies, the agent hears of it. One that had not started the task yet is replaced."""
    agent.set(Slots=8)
    launcher, killed, stop = agent.launcher_pid(), set(), threading.Event()

    def kill_newborns():
        while not stop.is_set() and len(killed) < 200:
            for pid in cgroup_pids(f'{agent.cgroup}/launcher') - killed - {launcher}:
                kill(pid)
                killed.add(pid)
    killer = threading.Thread(target=kill_newborns)
    killer.start()
    jobs = [agent.submit('exit 7', 'exit 7') for _ in range(150)]
    try:
        wait_until(lambda: len(killed) >= 200 or agent.status()['jobs']['running'] == 0, 'enough are killed')
    finally:
        stop.set()
        killer.join()
    agent.wait_over(*jobs)
    causes = collections.Counter(attempt['cause'] for job in jobs for attempt in agent.attempts(job))
    print(f'# {len(killed)} killed: {dict(causes)}')
    assert set(causes) <= {'lost', 'systemError', 'exited'} and causes['systemError'] > 0, causes
    for job in jobs:
        for task in agent.tasks(job):
            assert pick(task, 'cause', 'exitCode') in (('lost', None), ('exited', 7)), task
    agent.assert_nothing_left()


@test
def claim_of_a_late_reaper(agent):
    """A reaper that was launched when its attempt was over already, and was killed: its claim goes, whosever it is."""
    job = agent.submit('true')
    agent.wait_over(job)
    for name in (f'{job}.1.1.1', '987654.1.1.1'):
        path = f'{agent.runtime_dir}/records/{name}.claim'
        with open(path, 'wb'):
            pass
        wait_until(lambda path=path: not os.path.exists(path), f'{name}.claim is removed')


@test
def tasks_killed_at_birth(agent):
    """However early a stranger kills a task, before its program runs above all: it was killed, and no launch failed."""
    agent.set(Slots=8)
    stop = threading.Event()

    def kill_newborns():
        while not stop.is_set():
            for pid in cgroup_pids(f'{agent.cgroup}/jobs'):
                kill(pid)
    killer = threading.Thread(target=kill_newborns)
    killer.start()
    jobs = [agent.submit(['true'], ['true'], ['true']) for _ in range(100)]
    try:
        agent.wait_over(*jobs)
    finally:
        stop.set()
        killer.join()
    ends = collections.Counter((task['cause'], task['errorMessage']) for job in jobs for task in agent.tasks(job))
    print(f'# {dict(ends)}')
    assert {cause for cause, _ in ends} <= {'signaled', 'exited'}, ends
    agent.assert_nothing_left()


@test
def launcher_killed(agent):
    """Running tasks go on and their ends are known; new ones start when another launcher is up."""
    agent.set(Slots=4)
    hold = agent.ready_path('hold')
    job = agent.submit(f'until [ -e {hold} ]; do sleep 0.02; done; exit 33')
    pids = agent.wait_pids(job, 1)
    agent.kill_launcher()
    assert any(process_alive(pid) for pid in pids)
    after = agent.submit('exit 34')
    agent.wait_over(after)
    assert agent.task(after)['exitCode'] == 34
    assert agent.job(job)['status'] == 'running'
    with open(hold, 'w', encoding='ascii'):
        pass
    agent.wait_over(job)
    assert agent.task(job)['exitCode'] == 33 and agent.task(job)['attempt'] == 1
    agent.assert_nothing_left()


@test
def adopted(agent):
    """A task that runs on over the agent's death is taken over, and its end is known."""
    hold = agent.ready_path('hold')
    job = agent.submit(f'until [ -e {hold} ]; do sleep 0.02; done; echo done; exit 35')
    agent.wait_pids(job, 1)
    agent.restart()
    assert agent.job(job)['status'] == 'running' and 'adopted' in agent.causes(job), agent.history(job)
    assert agent.status()['slotsInUse'] == 1
    with open(hold, 'w', encoding='ascii'):
        pass
    agent.wait_over(job)
    task = agent.task(job)
    assert pick(task, 'status', 'exitCode', 'attempt') == ('failed', 35, 1), task
    assert agent.output(job) == b'done\n'
    agent.assert_nothing_left()


@test
def adopted_and_canceled(agent):
    job = agent.submit_victim('tree', 5, processes=5)
    agent.restart()
    result = agent.cancel(job)
    assert result['processesKilled'] == 5 and result['tasksFailed'] == 1, result
    agent.assert_no_process(job)
    agent.assert_nothing_left()


@test
def recovered(agent):
    """A task that ends while there is no agent: its end is on record when there is one."""
    hold = agent.ready_path('hold')
    job = agent.submit(f'until [ -e {hold} ]; do sleep 0.02; done; exit 36')
    pids = agent.wait_pids(job, 1)
    agent.kill()
    with open(hold, 'w', encoding='ascii'):
        pass
    wait_until(lambda: not any(process_alive(pid) for pid in pids), 'the task has ended')
    wait_until(lambda: not agent.reapers(), 'the reaper has ended')
    agent.start()
    agent.wait_over(job)
    assert agent.task(job)['exitCode'] == 36 and 'recovered' in agent.causes(job), agent.history(job)
    agent.assert_nothing_left()


@test
def cancel_resumed(agent):
    """A cancel in its grace period when the agent dies."""
    job = agent.submit_victim('ignore')
    agent.cancel(job, wait=False, gracePeriod=2000000, message='half done')
    assert agent.job(job)['status'] == 'canceling'
    agent.restart()
    record = agent.wait_over(job)
    assert pick(record, 'status', 'cancelMessage', 'canceledBy') == ('canceled', 'half done', 'root'), record
    assert 'cancelResumed' in agent.causes(job), agent.history(job)
    assert agent.task(job)['cause'] == 'jobCanceled'
    agent.assert_no_process(job)
    agent.assert_nothing_left()


@test
def frozen_when_the_agent_died(agent):
    """What an agent left frozen, in the middle of a cancel, does not stay so."""
    job = agent.submit_victim('ignore')
    agent.cancel(job, wait=False, gracePeriod=60000000)
    agent.kill()
    with open(agent.job_cgroups(job)[0] + '/cgroup.freeze', 'w', encoding='ascii') as file:
        file.write('1')
    agent.start()
    agent.cancel(job, force=True)
    agent.assert_no_process(job)
    agent.assert_nothing_left()


@test
def lost(agent):
    """The reaper is killed while the agent runs, and while it does not. The task is killed, the status is lost."""
    for dead in (False, True):
        job = agent.submit_victim('many', 3, processes=3)
        reapers = agent.reapers()
        assert len(reapers) == 1, reapers
        if dead:
            agent.kill()
        kill(reapers[0])
        if dead:
            wait_until(lambda: not process_alive(reapers[0]), 'the reaper is dead')
            agent.start()
        record = agent.wait_over(job)
        task, attempt = agent.task(job), agent.attempts(job)[0]
        assert record['status'] == 'failed', record
        for found in (task, attempt):
            assert pick(found, 'status', 'cause') == ('failed', 'lost'), found
            assert found['exitCode'] is None and found['signal'] is None, found
        assert attempt['waitStatus'] is None, attempt
        assert 'lost' in agent.causes(job), agent.history(job)
        agent.assert_no_process(job)
        agent.assert_nothing_left()


@test
def orphan_killed(agent):
    """A cgroup below jobs/ that belongs to nothing on record: it is emptied, and told."""
    job = agent.submit('true')
    agent.wait_over(job)
    victim = agent.submit_victim('sleep')
    agent.kill()
    places = [f'{agent.cgroup}/jobs/{name}' for name in (f'{job}.7', '987654.1/1.1', f'{victim}.1/9.9')]
    strays = []
    for place in places:
        os.makedirs(place)

        def enter(path=place):
            with open(f'{path}/cgroup.procs', 'w', encoding='ascii') as file:
                file.write('0')
        strays.append(agent.spawn(agent.victim, 'ignore', prepare=enter))
        wait_until(lambda path=place: cgroup_pids(path), 'the stray is there')
    agent.start()
    for stray in strays:
        assert stray.wait(60) == -9
    for known in (job, victim):
        wait_until(lambda known=known: 'orphanKilled' in agent.causes(known), lambda: agent.history(known))
    assert '987654.1' in agent.log()
    assert agent.job(victim)['status'] == 'running' and len(agent.job_pids(victim)) == 1
    agent.cancel(victim)
    agent.assert_nothing_left()


def submit_to_nobody(agent, count, code):
    """Jobs whose launches nobody takes up: the launcher stands still. Returns them, the path of their witness, and the
    agent is dead."""
    witness = agent.ready_path('witness')
    agent.set(Slots=count)
    kill(agent.launcher_pid(), signal.SIGSTOP)
    jobs = [agent.submit([agent.victim, 'witness', witness, '0', str(code)]) for _ in range(count)]
    agent.wait_status(jobs[-1], 'running')
    agent.kill()
    return jobs, witness


@test(agent=False)
def never_launched():
    """The agent dies after it recorded a start, and the launcher before it took it up: the task runs once."""
    agent = Agent(own_launcher=False).start()
    [job], witness = submit_to_nobody(agent, 1, 37)
    agent.kill_launcher()
    agent.start()
    agent.wait_over(job)
    assert 'neverLaunched' in agent.causes(job), agent.history(job)
    task = agent.task(job)
    assert task['exitCode'] == 37, task
    with open(witness, encoding='ascii') as file:
        assert file.read().splitlines() == [f'{job}.1.{task["attempt"]} start', f'{job}.1.{task["attempt"]} exit 37']
    agent.verify()
    agent.assert_nothing_left()


@test(agent=False)
def launcher_reloads_with_messages_waiting():
    """What was asked for before the reload is done after it: a launch, and the signal of a grace period."""
    agent = Agent(own_launcher=False).start()
    graceful = agent.submit_victim('term', 0, 43)
    kill(agent.launcher_pid(), signal.SIGSTOP)
    job = agent.submit('true')
    agent.wait_status(job, 'running')
    with agent.client() as client:
        client.send('CancelJobs', jobs=[graceful], gracePeriod=LONG)
        agent.wait_status(graceful, 'canceling')
        kill(agent.launcher_pid(), signal.SIGHUP)
        kill(agent.launcher_pid(), signal.SIGCONT)
        client.receive()
    agent.wait_over(job)
    assert agent.attempts(graceful)[0]['exitCode'] == 43, agent.attempts(graceful)
    assert agent.job(job)['status'] == 'finished', agent.history(job)
    assert 'launcher is gone' not in agent.log(), agent.log()
    agent.assert_nothing_left()


@test(agent=False)
def killed_while_it_recovers():
    """The verdict of one agent reaches the next one, whenever the first dies. The launcher finds out late that there
    was one: what that had asked for is nobody's any more."""
    agent = Agent(own_launcher=False).start()
    jobs, witness = submit_to_nobody(agent, 40, 39)
    for _ in range(60):
        agent.launch_agent()
        time.sleep(random.uniform(0, 0.03))
        agent.kill()
    kill(agent.launcher_pid(), signal.SIGCONT)
    agent.start()
    agent.wait_over(*jobs)
    assert [agent.task(job)['exitCode'] for job in jobs] == [39] * len(jobs), [agent.history(job) for job in jobs]
    with open(witness, encoding='ascii') as file:
        assert len(file.read().splitlines()) == 2 * len(jobs)
    assert not any('lost' in agent.causes(job) for job in jobs)
    agent.verify()
    agent.assert_nothing_left()


@test(agent=False)
def without_a_launcher():
    """What is submitted while there is no launcher waits, says for what, and runs when there is one."""
    agent = Agent(own_launcher=False).start(launcher=False)
    job = agent.submit('exit 41')
    record = agent.job(job)
    assert record['status'] == 'queued' and 'launcher' in record['pendingReason'], record
    agent.start_launcher()
    agent.wait_over(job)
    assert pick(agent.task(job), 'exitCode', 'attempt') == (41, 1), agent.task(job)
    agent.assert_nothing_left()


@contextlib.contextmanager
def in_the_launchers_place(agent):
    """The connection of a new agent to us, and its greeting."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(agent.launcher_socket)
        listener.listen()
        listener.settimeout(60)
        agent.launch_agent()
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(60)
            yield connection, connection.recv(MESSAGE_MAX)


def welcome(hello, root_jobs):
    return hello + struct.pack('<II', root_jobs, 0) + bytes(8 * POLICY_RANGES_MAX)


@test(agent=False)
def launcher_stands_still_as_it_is_greeted():
    """An answer that the agent no longer waits for is no reason to leave the launcher."""
    agent = Agent(own_launcher=False)
    with in_the_launchers_place(agent) as (connection, hello):
        connection.send(welcome(hello, root_jobs=1))
        probe = connection.recv(MESSAGE_MAX)
        time.sleep(1.5)
        connection.send(probe + struct.pack('<ii', 0, 1))
        connection.settimeout(1)
        expect_silence(connection)
        assert agent.answers()['launcherConnected']


@test(agent=False)
def policy_changes_as_the_launcher_is_greeted():
    """What the launcher says while the agent waits for another answer is heard."""
    agent = Agent(own_launcher=False)
    with in_the_launchers_place(agent) as (connection, hello):
        connection.send(welcome(hello, root_jobs=1))
        probe = connection.recv(MESSAGE_MAX)
        connection.send(welcome(hello, root_jobs=0))
        connection.send(probe + struct.pack('<ii', errno.EPERM, 0))
        expect('UserNotAllowed', agent.submit, 'true')
        assert agent.answers()['launcherConnected']


def expect_silence(connection):
    """Nothing comes, not even the end."""
    try:
        received = connection.recv(MESSAGE_MAX)
    except TimeoutError:
        return
    raise AssertionError(f'{len(received)} bytes came')


def take_down(agent):
    """As if the machine went down: processes, the runtime directory and the cgroups end; the records stay, and are of
    another boot."""
    pids = cgroup_pids(f'{agent.cgroup}/jobs') | cgroup_pids(f'{agent.cgroup}/launcher')
    agent.kill()
    for pid in pids:
        kill(pid)
    wait_until(lambda: not any(map(process_alive, pids)), 'all is dead')
    for directory, _, names in os.walk(agent.runtime_dir):
        for name in names:
            os.unlink(os.path.join(directory, name))
    with sqlite3.connect(f'{agent.state_dir}/corral.db') as database:
        changed = database.execute("UPDATE attempts SET boot_id = 'ffffffffffffffffffffffffffffffff'"
                                   " WHERE status = 2").rowcount
    database.close()
    assert changed >= 1


@test
def host_restarted(agent):
    """What ran when the machine went down has failed and says why, and runs again if it may. What waited runs now."""
    agent.set(Slots=2)
    witness = agent.ready_path('witness')
    once = agent.submit({'command': ['sleep', '1000'], 'rerunnable': False})
    again = agent.submit(f'echo $CORRAL_ATTEMPT >> {witness}; [ $CORRAL_ATTEMPT = 2 ] || exec sleep 1000')
    waiting = agent.submit('true')
    wait_until(lambda: os.path.exists(witness) and agent.job_pids(once), 'both run')
    take_down(agent)
    agent.start()
    record = agent.wait_over(once)
    assert record['status'] == 'failed', record
    assert pick(agent.task(once), 'status', 'cause', 'exitCode') == ('failed', 'hostRestarted', None), agent.task(once)
    assert agent.wait_over(again)['status'] == 'finished'
    attempts = agent.attempts(again)
    assert [pick(attempt, 'attempt', 'status', 'cause') for attempt in attempts] == \
        [(1, 'failed', 'hostRestarted'), (2, 'finished', 'exited')], attempts
    assert pick(agent.task(again), 'status', 'cause', 'attempt') == ('finished', 'exited', 2), agent.task(again)
    with open(witness, encoding='ascii') as file:
        assert file.read().split() == ['1', '2']
    for job in once, again:
        assert 'hostRestarted' in agent.causes(job), agent.history(job)
    assert agent.wait_over(waiting)['status'] == 'finished'
    agent.assert_nothing_left()


@test
def host_restarted_again_and_again(agent):
    """A task that takes the machine down each time is given up, until somebody queues it again."""
    agent.set(TaskRetryCount=2)
    job = agent.submit('exec sleep 1000')
    for attempt in (1, 2, 3):
        agent.wait_pids(job, 1)
        assert agent.task(job)['attempt'] == attempt, agent.task(job)
        take_down(agent)
        agent.start()
    assert agent.wait_over(job)['status'] == 'failed'
    assert pick(agent.task(job), 'cause', 'attempt') == ('hostRestarted', 3), agent.task(job)
    agent.requeue(job)
    agent.wait_pids(job, 1)
    take_down(agent)
    agent.start()
    agent.wait_pids(job, 1)
    assert agent.task(job)['attempt'] == 5, agent.task(job)
    agent.cancel(job)
    agent.assert_nothing_left()


@test
def orderly_end(agent):
    """SIGTERM ends the agent, not the jobs."""
    hold = agent.ready_path('hold')
    job = agent.submit(f'until [ -e {hold} ]; do sleep 0.02; done; exit 38')
    pids = agent.wait_pids(job, 1)
    agent.stop()
    assert any(process_alive(pid) for pid in pids)
    agent.start()
    with open(hold, 'w', encoding='ascii'):
        pass
    agent.wait_over(job)
    assert agent.task(job)['exitCode'] == 38


@test
def orderly_end_under_load(agent):
    """Who has sent a call when the agent is told to end gets the answer, and what it says is on record."""
    agent.set(Slots=4)
    known = {}
    for number in range(20):
        clients = [agent.client() for _ in range(20)]
        for client in clients:
            client.call('GetParameters', names=['Slots'])  # it is connected
        for index, client in enumerate(clients):
            client.send('QueueJob', job=agent.spec('true', name=f'{number} {index}'))
        agent.stop()
        for index, client in enumerate(clients):
            reply, _ = client.receive()
            known[reply['id']] = f'{number} {index}'
            client.close()
        agent.start()
    agent.wait_over(*known)
    recorded = {job['id']: job['name'] for job in agent.listed('ListJobs', 'job')}
    assert recorded == known, (len(recorded), len(known))


@test
def locks_of_the_dead(agent):
    """What an agent that was killed has forked holds its locks for a moment."""
    agent.kill()
    with open(f'{agent.state_dir}/lock', 'rb') as state:
        fcntl.flock(state, fcntl.LOCK_EX)
        cgroup = os.open(agent.cgroup, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(cgroup, fcntl.LOCK_EX)
        agent.launch_agent()
        time.sleep(0.3)
    time.sleep(0.3)
    os.close(cgroup)
    wait_until(agent.answers, 'corrald answers')


@test
def a_second_agent_is_refused(agent):
    other = Agent()
    other.state_dir = agent.state_dir
    other.launch_agent()
    assert other.process.wait(60) != 0
    other = Agent()
    other.cgroup = agent.cgroup
    other.launch_agent()
    assert other.process.wait(60) != 0
    other.cgroup += '-unused'
    assert agent.answers()


run()
