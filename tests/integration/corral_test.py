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

import os
import random
import resource
import signal
import sys
import traceback

# What the test programs use, under one name.
# pylint: disable=unused-import
from corral_agent import TERMINAL, Agent, task
from processes import become, cgroup_pids, kill, process_alive, process_state
from support import Skip, pick, wait_until
from varlink import INTERFACE, Client, Refused, expect

TEST_TIMEOUT = 150
SEED = int(os.environ.get('CORRAL_SEED') or random.SystemRandom().randrange(1 << 32))

random.seed(SEED)


class TimeIsUp(BaseException):
    """A test took longer than TEST_TIMEOUT."""


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
    if problem:
        verdict, text = 'not ok', f'{text}\n{problem}'
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
