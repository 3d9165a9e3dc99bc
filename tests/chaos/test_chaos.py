#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Agent, launcher, reapers and tasks are killed at random under load, one or several at once, while room and
descriptors run out and come back. Then judge.py, which believes the tasks alone, compares.

    CORRAL_BUILD=build CORRAL_CHAOS_ROUNDS=2000 CORRAL_SEED=... tests/chaos/test_chaos.py

The rounds come in legs with a mix of faults each: where only some kinds happen, nothing else can put right what one of
them left wrong. At the end of each leg everything comes back, all jobs end, and nothing may be left. With
CORRAL_CHAOS_EVIDENCE the evidence is kept in a directory of that name, for judge.py.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../integration'))
# pylint: disable=wrong-import-position
from corral_test import SEED, run, test, wait_until
from faults import ChaosAgent, Faults
from support import PATIENCE

ROUNDS = int(os.environ.get('CORRAL_CHAOS_ROUNDS') or (2000 if os.environ.get('CORRAL_TESTS_ALL') else 100))
LEG = 25  # rounds
SETTLE = 4 * PATIENCE  # garbage is looked at once a minute only

DEATHS = ['kill_agent', 'kill_launcher', 'kill_reaper', 'kill_reapers', 'kill_tasks', 'end_agent']
STOPS = ['stop_agent', 'stop_launcher', 'pause_reaper']
ROOM = ['fill_state', 'fill_runtime', 'fill_names']
DESCRIPTORS = ['starve_agent', 'starve_launcher']
# The deaths, of which each round has some, and what else happens now and then.
LEGS = [
    (DEATHS, STOPS + ROOM + DESCRIPTORS),
    (['kill_reaper', 'kill_reapers', 'kill_tasks'], STOPS),
    (['kill_reaper', 'kill_tasks'], ROOM),
    (['kill_reaper', 'kill_tasks'], DESCRIPTORS),
    (['kill_agent', 'kill_reaper'], STOPS + ROOM + DESCRIPTORS),
    (['kill_launcher', 'kill_reaper'], STOPS + ROOM + DESCRIPTORS),
]


class Chaos:
    """The driver."""

    def __init__(self, agent):
        self.agent = agent
        self.random = random.Random(f'faults {SEED}')
        self.faults = Faults(agent, self.random)
        self.load = subprocess.Popen(
            [f'{HERE}/load.py', agent.socket_path, f'{agent.evidence}/calls', agent.witness,
             f'{agent.shared}/witness', agent.token, str(SEED)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell_load(self, command):
        self.load.stdin.write(command + '\n')
        self.load.stdin.flush()

    # -- rounds --

    def round(self, deaths, others):
        choose = self.random
        time.sleep(choose.uniform(0, 0.3))
        if choose.random() < 0.4:
            deaths = choose.sample(deaths, choose.randint(1, len(deaths)))
        else:
            deaths = [choose.choice(deaths)]
        events = deaths + ([choose.choice(others)] if choose.random() < 0.35 else [])
        choose.shuffle(events)
        for event in events:
            getattr(self.faults, event)()
            time.sleep(choose.choice([0, 0, choose.uniform(0, 0.01)]))
        time.sleep(choose.choice([0, choose.uniform(0, 0.15)]))
        self.faults.revive()
        self.faults.pass_round()

    def leg(self, rounds, deaths, others):
        self.tell_load('go')
        for _ in range(rounds):
            self.round(deaths, others)
        self.faults.finish_all()

    # -- rest --

    def status(self):
        self.faults.revive()
        return self.agent.look()

    def is_over(self):
        status = self.status()
        return status and not any(status['jobs'][name] for name in ('notSubmitted', 'queued', 'running', 'canceling'))

    def leftovers(self, look):
        return any(look[what] for what in ('processes', 'cgroups', 'frozen', 'reapers', 'files'))

    def look(self, when):
        agent = self.agent
        line = subprocess.run(
            [f'{HERE}/look.py', when, agent.token, agent.cgroup, agent.runtime_dir, agent.state_dir,
             str(agent.process.pid), str(agent.launcher.pid)], stdout=subprocess.PIPE, text=True, check=True).stdout
        return json.loads(line)

    def settle(self, when):
        """Everything comes back and ends. Writes down what is left. What does not happen in time is for the judge."""
        def connected():
            status = self.status()
            return status and status['launcherConnected'] and status['storeWritable']
        wait_until(connected, 'the agent is back')
        self.tell_load('rest')
        assert self.load.stdout.readline() == 'resting\n'
        try:
            wait_until(self.is_over, '', SETTLE)
            wait_until(lambda: not self.leftovers(self.look(when)), '', SETTLE)
        except AssertionError:
            pass
        look = self.look(when)
        with open(f'{self.agent.evidence}/looks', 'a', encoding='utf-8') as file:
            file.write(json.dumps(look) + '\n')
        return not self.leftovers(look) and self.is_over()

    # -- judgement --

    def ask(self):
        """What the agent says in the end."""
        with open(f'{self.agent.evidence}/answers', 'w', encoding='utf-8') as file:
            subprocess.run([f'{HERE}/ask.py', self.agent.socket_path], stdout=file, check=True)

    def judge(self):
        shutil.copy(f'{self.agent.shared}/witness', self.agent.evidence)
        judged = subprocess.run([f'{HERE}/judge.py', self.agent.evidence], stdout=subprocess.PIPE, text=True,
                                check=False)
        for line in judged.stdout.splitlines():
            print('#', line)
        return judged.returncode

    def keep(self):
        kept = os.environ.get('CORRAL_CHAOS_EVIDENCE')
        if kept:
            shutil.copytree(self.agent.evidence, kept, dirs_exist_ok=True)
            shutil.copy(self.agent.log_path, kept)

    def warm_up(self):
        """A job before everything, so that agent and launcher have opened what they keep open."""
        spec = self.agent.spec('sleep 60', name='the first')
        job = self.agent.call('QueueJob', job=spec)['id']
        self.agent.cancel(job)
        with open(f'{self.agent.evidence}/calls', 'a', encoding='utf-8') as file:
            for entry in ({'method': 'QueueJob', 'parameters': {'job': spec}}, {'reply': {'id': job}}):
                file.write(json.dumps({'call': 'make'} | entry) + '\n')
            file.write(json.dumps({'call': 'cancel', 'method': 'CancelJobs', 'parameters': {'jobs': [job]}}) + '\n')
        self.settle('before')

    def run(self):
        """All legs, or those up to one after which something was left."""
        self.warm_up()
        done = 0
        while done < ROUNDS:
            number = done // LEG
            deaths, others = LEGS[number % len(LEGS)]
            rounds = min(LEG, ROUNDS - done)
            self.leg(rounds, deaths, others)
            done += rounds
            if not self.settle(f'after {done} rounds'):
                break
        self.ask()
        return done

    def close(self):
        self.load.kill()
        self.load.communicate()
        self.keep()


@test(agent=False, timeout=300 + 3 * ROUNDS)
def chaos():
    agent = ChaosAgent().start()
    agent.set(Slots=12)
    driver = Chaos(agent)
    try:
        done = driver.run()
        assert driver.judge() == 0, 'the judge complains'
        assert done == ROUNDS
    finally:
        driver.close()


run()
