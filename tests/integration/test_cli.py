#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The corral command as people and scripts use it."""

import errno
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time

from corral_test import TERMINAL, expect, pick, run, test, wait_until


def ok(agent, *arguments, **options):
    """Runs a command that must succeed, returns its standard output."""
    result = agent.corral(*arguments, **options)
    assert result.returncode == 0 and not result.stderr, result
    return result.stdout


def refused(agent, *arguments, status=1, **options):
    """Runs a command that must be refused with one clear line, returns that."""
    result = agent.corral(*arguments, **options)
    assert result.returncode == status and result.stderr, result
    if status == 1:
        assert result.stderr.count('\n') == 1 and result.stderr.startswith('corral'), result
    return result.stderr


def submit(agent, *arguments, **options):
    output = ok(agent, 'submit', *arguments, **options)
    assert output.strip().isdigit() and output.count('\n') == 1, output
    return int(output)


@test
def submit_options(agent):
    agent.set(Slots=4)
    out, err, source = (agent.ready_path(name) for name in ('out', 'err', 'in'))
    with open(source, 'w', encoding='ascii') as file:
        file.write('from the file')
    job = submit(agent, '-n', 'the name', '-p', 'lowest', '-c', '1-2', '-t', '1h', '-w', '/tmp', '-i', source, '-o',
                 out, '-e', err, '-E', 'A=1', '-E', 'B=two words', '--', 'sh', '-c', 'cat; pwd; echo "$A $B" >&2')
    agent.wait_over(job)
    record = agent.job(job)
    assert pick(record, 'name', 'priority', 'minSlots', 'maxSlots', 'runTimeLimit') == (
        'the name', 'lowest', 1, 2, 3600000000), record
    with open(out, encoding='ascii') as file:
        assert file.read() == 'from the file/tmp\n'
    with open(err, encoding='ascii') as file:
        assert file.read() == '1 two words\n'


@test
def calls_that_the_agent_did_not_answer(agent):
    """One that ends with a call unread has done nothing: the command asks the next one, and gives up in the end."""
    path = agent.ready_path('other')
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(30)

        def submitted(unread, answer=None):
            """What the command prints when its call is not read so often, and then read and perhaps answered."""
            with agent.corral_start('--socket', path, 'submit', 'true') as process:
                for last in [False] * unread + [True] * (answer is not None):
                    connection, _ = listener.accept()
                    with connection:
                        select.select([connection], [], [])
                        if last:
                            assert connection.recv(4096).endswith(b'\0')
                            connection.sendall(answer)
                return process.communicate()[0 if answer else 1]

        assert submitted(3, b'{"parameters": {"id": 7}}\0') == '7\n'
        assert 'may have been done' in submitted(3, b'')
        assert 'nothing was done' in submitted(6)


@test
def submit_and_wait(agent):
    result = agent.corral('submit', '--wait', '--', 'sh', '-c', 'exit 7')
    assert result.stdout.strip().isdigit() and result.returncode == 7, result
    assert agent.corral('submit', '--wait', '--', 'true').returncode == 0


@test
def submit_a_file(agent):
    tasks = [{'command': ['echo', 'one']}, {'command': ['echo', 'two'], 'name': 'second'}]
    spec = {'name': 'from a file', 'tasks': tasks}
    path = agent.ready_path('job')
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(spec, file)
    for job in submit(agent, '--file', path), submit(agent, '--file', '-', stdin=json.dumps(spec)):
        agent.wait_over(job)
        assert agent.job(job)['name'] == 'from a file'
        assert [agent.output(job, number) for number in (1, 2)] == [b'one\n', b'two\n']
    for text in 'not json', '{"unknown": 1}', '{"tasks": [{"command": "text"}]}':
        refused(agent, 'submit', '--file', '-', stdin=text)
    assert 'unknown' in refused(agent, 'submit', '--file', '-', stdin='{"unknown": 1}')
    refused(agent, 'submit', '--file', '/nonexistent')


@test
def new_add_submit(agent):
    job = ok(agent, 'new', '-n', 'in parts').strip()
    assert agent.job(int(job))['status'] == 'notSubmitted'
    ok(agent, 'add', job, '--', 'echo', 'one')
    ok(agent, 'add', job, '-n', 'second', '--', 'echo', 'two')
    assert ok(agent, 'submit', '--id', job).strip() in ('', job)
    agent.wait_over(int(job))
    assert [t['name'] for t in agent.tasks(int(job))][1] == 'second'
    assert agent.output(int(job), 2) == b'two\n'
    refused(agent, 'add', job, '--', 'true')
    refused(agent, 'submit', '--id', job)


@test
def run_a_command(agent):
    result = agent.corral('run', '--', 'sh', '-c', 'echo out; echo err >&2; exit 5')
    assert (result.returncode, result.stdout) == (5, 'out\n') and 'err\n' in result.stderr, result
    result = agent.corral('run', '--', 'sh', '-c', 'kill -TERM $$')
    assert result.returncode == 128 + signal.SIGTERM, result
    # A task that could not be started has nothing to say itself: the command says why.
    result = agent.corral('run', '--', 'no-such-program')
    assert result.returncode == 1 and 'No such file' in result.stderr, result
    # Much output, whole.
    result = agent.corral('run', '--', agent.victim, 'output', '3000000')
    assert result.returncode == 0 and result.stdout == ''.join(f'{i:07d}\n' for i in range(0, 3000000, 8))


@test
def run_is_interrupted(agent):
    """Ctrl-C cancels the job, and the command tells it by its exit status."""
    process = agent.corral_start('run', '-n', 'interrupted', '--', agent.victim, 'many', '5')
    job = wait_until(lambda: agent.listed('ListJobs', 'job', name='interrupted'), 'the job is there')[0]['id']
    agent.wait_pids(job, 5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode not in (0, None), process.returncode
    record = agent.wait_over(job)
    assert record['status'] == 'canceled', record
    agent.assert_no_process(job)


@test
def run_is_killed(agent):
    """A client that just dies does not: the job goes on."""
    process = agent.corral_start('run', '-n', 'orphaned', '--', agent.victim, 'sleep')
    job = wait_until(lambda: agent.listed('ListJobs', 'job', name='orphaned'), 'the job is there')[0]['id']
    agent.wait_pids(job, 1)
    process.kill()
    process.communicate(timeout=60)
    time.sleep(0.2)
    assert agent.job(job)['status'] == 'running'
    agent.cancel(job)


@test
def cancel(agent):
    agent.set(Slots=4)
    job, another = submit(agent, '--', 'sleep', '60'), submit(agent, '--', 'sleep', '60')
    agent.wait_pids(job, 1)
    output = ok(agent, 'cancel', job, another, '-m', 'no longer needed')
    assert str(job) in output and str(another) in output and 'canceled' in output, output
    assert agent.job(job)['cancelMessage'] == 'no longer needed'
    agent.assert_no_process(job, another)
    text = refused(agent, 'cancel', job)
    assert 'canceled' in text and str(job) in text, text
    assert '999999' in refused(agent, 'cancel', 999999)
    job = submit(agent, '--', 'sleep', '60')
    agent.wait_pids(job, 1)
    # One that is refused does not keep the others from being canceled.
    result = agent.corral('cancel', another, job)
    assert result.returncode == 1 and agent.job(job)['status'] == 'canceled', result
    assert '320' in refused(agent, 'cancel', another, '-m', 'x' * 321)


@test
def cancel_options(agent):
    agent.set(Slots=4)
    job = agent.submit_victim('term', 0, 9)
    ok(agent, 'cancel', job, '--grace', '1min')
    assert agent.attempts(job)[0]['exitCode'] == 9
    job = agent.submit_victim('ignore')
    ok(agent, 'cancel', job, '--grace', '1h', '--no-wait')
    assert agent.job(job)['status'] == 'canceling'
    ok(agent, 'cancel', job, '--force')
    assert agent.job(job)['status'] == 'canceled'
    job = agent.submit([agent.victim, 'sleep'], [agent.victim, 'sleep'])
    agent.wait_pids(job, 2)
    ok(agent, 'cancel', f'{job}.2', '-m', 'one')
    assert agent.task(job, 2)['status'] == 'canceled' and agent.task(job, 1)['status'] == 'running'
    ok(agent, 'cancel', job)


@test
def requeue(agent):
    flag = agent.ready_path('flag')
    job = agent.submit(f'test -e {flag}', 'true')
    agent.wait_over(job)
    with open(flag, 'w', encoding='ascii'):
        pass
    ok(agent, 'requeue', job)
    assert agent.wait_over(job)['status'] == 'finished'
    refused(agent, 'requeue', job)
    refused(agent, 'requeue', f'{job}.1')


@test
def list_and_show(agent):
    agent.set(Slots=2)
    done, failed = submit(agent, '-n', 'done', '--', 'true'), submit(agent, '-n', 'failed', '--', 'false')
    agent.wait_over(done, failed)
    running = submit(agent, '-n', 'running', '--', agent.victim, 'many', '3')
    agent.wait_pids(running, 3)
    theirs = int(ok(agent, 'submit', '-n', 'theirs', '--', 'sleep', '60', user='nobody'))
    output = ok(agent, 'list')
    assert 'running' in output and 'done' not in output, output
    output = ok(agent, 'list', '--all')
    assert all(name in output for name in ('done', 'failed', 'running', 'theirs')), output
    assert 'failed' in ok(agent, 'list', '--state', 'failed,finished')
    output = ok(agent, 'list', '--all', '--user', 'nobody')
    assert str(theirs) in output and 'done' not in output, output
    output = ok(agent, 'show', failed)
    assert all(text in output for text in (str(failed), 'failed', 'root', 'exit')), output
    ok(agent, 'cancel', running, theirs, '-m', 'the reason')
    output = ok(agent, 'show', running)
    assert 'the reason' in output and 'canceled' in output, output
    output = ok(agent, 'show', f'{running}.1')
    assert 'victim' in output, output  # the evidence tells what ran
    output = ok(agent, 'history', running)
    assert all(text in output for text in ('submitted', 'started', 'cancelRequested', 'the reason')), output
    for verb in 'show', 'history', 'logs', 'wait':
        refused(agent, verb, 999999)


@test
def machine_readable(agent):
    """--json is what the method returned: one object, or one a line for streams."""
    agent.set(Slots=2)
    job = submit(agent, '-n', 'json', '--', 'echo', 'text')
    agent.wait_over(job)
    shown = json.loads(ok(agent, '--json', 'show', job))
    assert shown == agent.call('GetJob', id=job)
    lines = [json.loads(line) for line in ok(agent, '--json', 'list', '--all').splitlines()]
    assert lines and all(set(line) == {'job'} for line in lines) and lines[0]['job']['id'] == job, lines
    lines = [json.loads(line) for line in ok(agent, '--json', 'history', job).splitlines()]
    assert [line['entry'] for line in lines] == agent.history(job), lines
    assert json.loads(ok(agent, '--json', 'submit', '--', 'true')).keys() == {'id'}
    assert json.loads(ok(agent, '--json', 'status'))['slots'] == 2
    assert json.loads(ok(agent, '--json', 'param', 'Slots'))['parameters'][0]['value'] == '2'
    result = agent.corral('--json', 'cancel', job)
    assert json.loads(result.stdout)['results'][0]['error'] == 'InvalidState' and result.returncode == 1, result


@test
def a_parameter_out_of_range(agent):
    result = agent.corral('param', 'killdeadline=0s')
    assert result.returncode == 1 and 'KillDeadline has to be from 1ms to 86400s' in result.stderr, result


@test
def wait(agent):
    agent.set(Slots=4)
    good, bad = submit(agent, '--', 'sleep', '0.2'), submit(agent, '--', 'sh', '-c', 'sleep 0.2; exit 6')
    assert agent.corral('wait', good).returncode == 0
    assert agent.corral('wait', bad).returncode == 6
    assert agent.corral('wait', good, bad).returncode == 6
    job = submit(agent, '--', 'sleep', '60')
    result = agent.corral('wait', job, '--timeout', '200ms')
    assert result.returncode == 124 and result.stderr, result  # as timeout(1) does
    assert agent.job(job)['status'] in ('queued', 'running')
    process = agent.corral_start('wait', job)
    time.sleep(0.1)
    agent.cancel(job)
    process.communicate(timeout=60)
    assert process.returncode != 0


@test
def logs(agent):
    step = agent.ready_path('step')
    job = submit(agent, '--', 'sh', '-c', f'echo one; echo bad >&2; until [ -e {step} ]; do sleep 0.02; done; echo two')
    wait_until(lambda: agent.corral('logs', job).stdout == 'one\n', 'the first line is there')
    assert ok(agent, 'logs', job, '--stderr') == 'bad\n'
    process = agent.corral_start('logs', '-f', job)
    assert process.stdout.readline() == 'one\n'
    with open(step, 'w', encoding='ascii'):
        pass
    output, _ = process.communicate(timeout=60)
    assert output == 'two\n' and process.returncode == 0, output
    assert ok(agent, 'logs', f'{job}.1') == 'one\ntwo\n'


@test
def watch(agent):
    process = agent.corral_start('--json', 'watch')
    wait_until(lambda: 'cursor' in process.stdout.readline(), 'the watch has begun')
    job = submit(agent, '--', 'true')
    seen = []
    while not seen or seen[-1]['to'] not in TERMINAL or seen[-1]['task'] is not None:
        entry = json.loads(process.stdout.readline()).get('entry')
        if entry:
            seen.append(entry)
    assert all(entry['job'] == job for entry in seen), seen
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    # For people; ends when the jobs named are over, or when it is told to.
    job = submit(agent, '--', 'sleep', '0.3')
    process = agent.corral_start('watch', job)
    agent.wait_over(job)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert 'finished' in output, output


@test
def parameters_and_status(agent):
    output = ok(agent, 'param')
    assert 'TTLCompletedJobs' in output and 'Slots' in output, output
    ok(agent, 'param', 'Slots=3', 'KillDeadline=7s')
    assert agent.status()['slots'] == 3
    assert '3' in ok(agent, 'param', 'Slots')
    assert 'NoSuch' in refused(agent, 'param', 'NoSuch')
    refused(agent, 'param', 'Slots=none')
    refused(agent, 'param', 'Slots=1', user='nobody')
    output = ok(agent, 'status')
    assert agent.status()['version'] in output and '3' in output, output


@test
def wrong_usage(agent):
    for arguments in ([], ['no-such-verb'], ['--no-such-option', 'list'], ['list', '--no-such-option'], ['submit'],
                      ['submit', '--'], ['cancel'], ['cancel', 'x'], ['cancel', '1.2.3'], ['cancel', '-1'], ['show'],
                      ['show', '1', '2'], ['add'], ['wait'], ['submit', '-c', 'x', '--', 'true'], ['requeue'],
                      ['submit', '-c', '2-1', '--', 'true'], ['submit', '-t', 'x', '--', 'true'], ['logs'],
                      ['submit', '-p', 'x', '--', 'true'], ['submit', '-E', 'NAME', '--', 'true'],
                      ['list', '--state', 'x'], ['cancel', '1', '--grace', 'x'], ['status', 'x'], ['history']):
        refused(agent, *arguments, status=2)
    assert agent.status()['jobs']['total'] == 0


@test
def help_and_version(agent):
    for arguments in ['--help'], ['submit', '--help'], ['cancel', '--help']:
        output = ok(agent, *arguments)
        assert output.startswith('Usage: corral') and '--help' in output, output
    output = ok(agent, '--help')
    for verb in ('submit', 'new', 'add', 'run', 'cancel', 'requeue', 'list', 'show', 'history', 'wait', 'logs', 'watch',
                 'param', 'status'):
        assert verb in output, verb
    assert agent.status()['version'] in ok(agent, '--version')


def on_terminal(agent, columns, *arguments):
    """Runs a command on a terminal so many columns wide, returns what it printed there, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    process = subprocess.Popen([agent.cli, '--socket', agent.socket_path, *map(str, arguments)], stdin=theirs,
                               stdout=theirs, stderr=theirs, env={'TERM': 'xterm', 'LANG': 'C.UTF-8'})
    os.close(theirs)
    output = b''
    try:
        while piece := os.read(ours, 1 << 16):
            output += piece
    except OSError as error:
        assert error.errno == errno.EIO, error  # how a terminal tells that nobody is left at the other end
    os.close(ours)
    assert process.wait(60) == 0, output
    return re.sub('\x1b\\[[0-9;]*m', '', output.decode())


@test
def tables_fit(agent):
    """On a terminal lines are as long as it is wide at most; elsewhere nothing is cut."""
    agent.set(Slots=2)
    for name in 'x' * 80, '漢' * 40, 'short':
        agent.wait_over(submit(agent, '-n', name, '--', 'sh', '-c', 'true ' + 'y' * 300))
    for columns in 60, 80, 132:
        for arguments in ['list', '--all'], ['show', 1], ['history', 1], ['param'], ['status']:
            for line in on_terminal(agent, columns, *arguments).splitlines():
                width = sum(2 if character == '漢' else 1 for character in line)
                assert width <= columns, (arguments, columns, width, line)
    assert 'x' * 80 in ok(agent, 'list', '--all')


@test
def hostile_names(agent):
    """What a user wrote into a name or a message does not steer the terminal of who looks."""
    evil = 'red\x1b[31m\x07\r\nnext'
    expect('org.varlink.service.InvalidParameter', agent.submit, 'true', name=evil)
    job = agent.submit(['sleep', '60', evil])
    agent.cancel(job, message=evil)
    for arguments in ['list', '--all'], ['show', job], ['history', job]:
        output = ok(agent, *arguments)
        assert '\x1b' not in output and '\x07' not in output and '\r' not in output, repr(output)


@test
def no_agent(agent):
    for path in '/nonexistent/socket', f'{agent.base}/log':
        text = refused(agent, '--socket', path, 'list')
        assert path in text, text
        text = refused(agent, 'list', environment={'CORRAL_SOCKET': path})
        assert path in text, text
    # The option goes before the environment.
    ok(agent, '--socket', agent.socket_path, 'list', environment={'CORRAL_SOCKET': '/nonexistent/socket'})


@test
def the_agent_goes_away(agent):
    """A wait over a restart of the agent goes on, or ends with a clear error; it never hangs and never lies."""
    job = submit(agent, '--', 'sh', '-c', 'sleep 1; exit 8')
    agent.wait_pids(job, 1)
    process = agent.corral_start('wait', job)
    time.sleep(0.2)
    agent.restart()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 8 or (process.returncode == 1 and errors), (process.returncode, errors)
    assert os.path.exists(agent.socket_path)


run()
