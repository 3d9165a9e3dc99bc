#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Users among each other, and what a task is given: nobody and daemon are two users, games is the administrators' group
(users and group that exist on every Debian)."""

import os
import pwd
import stat

from corral_test import Agent, become, expect, pick, run, task, test, wait_until

SECRET = 'swordfish'
ADMINISTRATORS = {'AdminGroup': 'games'}


def queue(client, agent, *commands, **spec):
    return client.call('QueueJob', job=agent.spec(*commands, **spec))['id']


def facts(agent, job, number=1):
    """What `victim facts` printed, by name."""
    agent.wait_over(job)
    lines = agent.output(job, number).decode().splitlines()
    assert lines, (agent.task(job, number), agent.output(job, number, 'stderr'))
    return dict(line.split('=', 1) for line in lines)


@test(config=ADMINISTRATORS)
def strangers_see_nothing(agent):
    with agent.client('nobody') as owner, agent.client('daemon') as stranger:
        job = queue(owner, agent, f'echo {SECRET}; sleep 60 # {SECRET}', name=SECRET)
        agent.wait_pids(job, 1)
        wait_until(lambda: agent.output(job), 'there is output')
        listed = [found for found in stranger.listed('ListJobs', 'job') if found['id'] == job]
        got = stranger.call('GetJob', id=job)
        for found in listed + [got['job']]:
            assert pick(found, 'owner', 'status') == ('nobody', 'running'), found
            assert all(found.get(name) is None for name in (
                'name', 'user', 'priority', 'cause', 'errorMessage', 'cancelMessage', 'canceledBy', 'runs', 'tasks',
                'cpuTime', 'stuck')), found
        assert listed and not got.get('tasks') and not got.get('attempts'), got
        assert not stranger.listed('ListTasks', 'task')
        expect('PermissionDenied', stranger.listed, 'ListTasks', 'task', job=job)
        expect('PermissionDenied', stranger.listed, 'GetHistory', 'entry', job=job)
        expect('PermissionDenied', stranger.listed, 'GetOutput', 'data', job=job, task=1)
        expect('PermissionDenied', stranger.call, 'AddTasks', job=job, tasks=[task('true')])
        expect('PermissionDenied', stranger.call, 'SetParameter', name='Slots', value='1')
        result = stranger.call('RequeueJobs', jobs=[job])['results'][0]
        assert result['error'] == 'PermissionDenied' and result.get('status') is None, result
        result = stranger.call('RequeueTasks', tasks=[{'job': job, 'task': 1}])['results'][0]
        assert result['error'] == 'PermissionDenied', result
        idle = owner.call('AddJob', job=agent.spec('true'))['id']
        expect('PermissionDenied', stranger.call, 'SubmitJobs', jobs=[idle])
        expect('PermissionDenied', lambda: next(stranger.stream('Watch', jobs=[job])))
        assert agent.job(job)['status'] == 'running' and agent.job(idle)['status'] == 'notSubmitted'
        # The owner sees everything.
        assert owner.call('GetJob', id=job)['job']['name'] == SECRET
        assert SECRET in owner.listed('ListTasks', 'task', job=job)[0]['command'][2]


@test(config=ADMINISTRATORS)
def strangers_watch_nothing(agent):
    with agent.client('nobody') as owner, agent.client('daemon') as stranger:
        stranger.send('Watch', more=True)
        while stranger.receive()[0].get('cursor') is None:
            pass
        job = queue(owner, agent, f'echo {SECRET}', name=SECRET)
        agent.wait_over(job)
        with agent.client('daemon') as another:
            own = queue(another, agent, 'true')
        agent.wait_over(own)
        entry = stranger.receive()[0]['entry']
        assert entry['job'] == own, entry


@test(config=ADMINISTRATORS)
def owners_watch_what_is_over(agent):
    """The job is no longer in the agent's memory, and its owner no administrator."""
    with agent.client('nobody') as owner:
        job = queue(owner, agent, 'true')
        agent.wait_over(job)
        told = owner.stream('Watch', jobs=[job])
        assert pick(next(told)['job'], 'id', 'status') == (job, 'finished')
        assert next(told)['task']['status'] == 'finished'
        assert next(told)['cursor'] > 0
    with agent.client('nobody') as owner:
        assert len(owner.listed('GetHistory', 'entry', job=job)) == 6
    assert agent.corral('wait', str(job), user='nobody').returncode == 0


@test(config=ADMINISTRATORS)
def the_command_for_strangers(agent):
    job = agent.corral('submit', '-n', SECRET, '--', 'sh', '-c', f'echo {SECRET}; sleep 60', user='nobody')
    assert job.returncode == 0, job
    job = job.stdout.strip()
    agent.wait_pids(job, 1)
    for arguments in (['show', job], ['logs', job], ['history', job], ['list', '--all'], ['cancel', job],
                      ['requeue', job], ['--json', 'show', job], ['--json', 'list', '--all']):
        result = agent.corral(*arguments, user='daemon')
        assert SECRET not in result.stdout + result.stderr, result
        if 'list' not in arguments and 'show' not in arguments:  # these tell what everybody may know
            assert result.returncode == 1 and result.stderr, result
    assert agent.job(int(job))['status'] == 'running'
    assert SECRET in agent.corral('show', job, user='nobody').stdout
    assert agent.corral('cancel', job, '-m', 'mine', user='nobody').returncode == 0
    assert agent.job(int(job))['canceledBy'] == 'nobody'


@test(config=ADMINISTRATORS)
def administrators(agent):
    with agent.client('nobody') as owner, agent.client('games') as by_group, \
            agent.client('daemon', groups=['games']) as by_extra_group:
        for client, name in ((by_group, 'games'), (by_extra_group, 'daemon'), (agent.client(), 'root')):
            job = queue(owner, agent, f'echo {SECRET}; sleep 60')
            agent.wait_pids(job, 1)
            assert SECRET in client.listed('ListTasks', 'task', job=job)[0]['command'][2]
            assert client.call('GetJob', id=job)['attempts']
            result = client.call('CancelJobs', jobs=[job])['results'][0]
            assert result.get('error') is None, result
            assert agent.job(job)['canceledBy'] == name
        by_group.call('SetParameter', name='Slots', value='3')
        assert agent.call('GetParameters', names=['Slots'])['parameters'][0]['value'] == '3'
        # An administrator is not root: the tasks of another user are root's alone to make.
        expect('PermissionDenied', by_group.call, 'QueueJob', job=agent.spec('true', user='nobody'))


@test(config=ADMINISTRATORS)
def priorities_and_users(agent):
    with agent.client('nobody') as ordinary, agent.client('games') as administrator:
        for priority in 'lowest', 'belowNormal', 'normal':
            queue(ordinary, agent, 'true', priority=priority)
        for priority in 'aboveNormal', 'highest':
            expect('PermissionDenied', queue, ordinary, agent, 'true', priority=priority)
            queue(administrator, agent, 'true', priority=priority)
        for user in 'root', '0', 'daemon', '1':
            expect('PermissionDenied', queue, ordinary, agent, 'true', user=user)
        for user in 'nobody', '65534':
            queue(ordinary, agent, 'true', user=user)
        job = agent.submit([agent.victim, 'facts'], user='daemon')
        assert agent.job(job)['owner'] == 'root' and agent.job(job)['user'] == 'daemon'
        assert facts(agent, job)['uid'] == '1 1 1'
        error = expect('NoSuchUser', agent.submit, 'true', user='no such user')
        assert error == {'user': 'no such user'}, error


@test
def what_a_task_is_given(agent):
    entry = pwd.getpwnam('nobody')
    with agent.client('nobody') as client:
        job = queue(client, agent, {'command': [agent.victim, 'facts'], 'workDirectory': '/'},
                    {'command': ['env'], 'workDirectory': agent.shared,
                     'environment': ['OF_TASK=1', 'OF_BOTH=task', 'LIST=a=b c']},
                    environment=['OF_JOB=1', 'OF_BOTH=job'], umask=0o27, processLimits={'nofile': 123, 'core': 0})
    found = facts(agent, job)
    assert found['uid'] == f'{entry.pw_uid} ' * 2 + str(entry.pw_uid), found
    assert found['gid'] == f'{entry.pw_gid} ' * 2 + str(entry.pw_gid), found
    assert set(map(int, found['groups'].split())) == set(os.getgrouplist('nobody', entry.pw_gid)), found
    assert found['umask'] == '027' and found['cwd'] == '/', found
    assert found['fds'].split() == ['0', '1', '2'], found
    assert found['blocked'] == found['handled'] == '', found
    assert pick(found, 'nofile', 'core', 'leader') == ('123', '0', '1'), found
    environment = dict(line.split('=', 1) for line in agent.output(job, 2).decode().splitlines())
    assert pick(environment, 'OF_TASK', 'OF_BOTH', 'OF_JOB') == ('1', 'task', '1'), environment
    assert environment['LIST'] == 'a=b c'
    assert environment['USER'] == 'nobody' and environment['HOME'] == entry.pw_dir, environment
    assert pick(environment, 'CORRAL_JOB_ID', 'CORRAL_TASK_ID') == (str(job), '2'), environment
    assert environment['CORRAL_ATTEMPT'] == '1' and environment['PATH'], environment
    assert not [name for name in environment if name in ('CORRAL_BUILD', 'NOTIFY_SOCKET', 'LISTEN_FDS')], environment


@test
def defaults_of_a_task(agent):
    job = agent.submit({'command': [agent.victim, 'facts']})
    found = facts(agent, job)
    assert found['umask'] == '022' and found['cwd'] == pwd.getpwnam('root').pw_dir, found
    assert found['uid'] == '0 0 0' and found['fds'].split() == ['0', '1', '2'], found
    # Standard input is empty, not the agent's.
    job = agent.submit('cat; readlink /proc/self/fd/0')
    agent.wait_over(job)
    assert agent.output(job) == b'/dev/null\n', agent.output(job)


@test
def memberships(agent):
    """A user with supplementary groups gets exactly those."""
    for name in ('backup', 'list', 'www-data', 'games'):
        entry = pwd.getpwnam(name)
        job = agent.submit([agent.victim, 'facts'], user=name)
        agent.wait_over(job)
        found = facts(agent, job)
        assert set(map(int, found['groups'].split())) == set(os.getgrouplist(name, entry.pw_gid)), found


def run_with_output(agent, path, user='nobody', **fields):
    spec = {'command': ['echo', SECRET], 'stdout': path, 'workDirectory': agent.shared, **fields}
    with agent.client(user) as client:
        job = queue(client, agent, spec)
    agent.wait_over(job)
    return agent.task(job)


@test
def output_files(agent):
    uid = pwd.getpwnam('nobody').pw_uid
    found = run_with_output(agent, 'relative')
    path = f'{agent.shared}/relative'
    assert found['status'] == 'finished', found
    with open(path, encoding='ascii') as file:
        assert file.read() == SECRET + '\n'
    assert os.stat(path).st_uid == uid and stat.S_IMODE(os.stat(path).st_mode) == 0o644
    # An existing file is truncated.
    with open(path, 'a', encoding='ascii') as file:
        file.write('something longer than the secret')
    os.chown(path, uid, uid)
    run_with_output(agent, path)
    assert os.path.getsize(path) == len(SECRET) + 1
    # Standard input.
    job = agent.submit({'command': ['cat'], 'stdin': 'relative', 'workDirectory': agent.shared})
    agent.wait_over(job)
    assert agent.output(job) == SECRET.encode() + b'\n'


@test
def files_of_root_are_safe(agent):
    """The paths are opened with the rights of the user: a link to a file of root leads nowhere."""
    precious = f'{agent.base}/precious'
    with open(precious, 'w', encoding='ascii') as file:
        file.write('precious')
    os.chmod(precious, 0o600)
    os.mkdir(f'{agent.base}/closed', 0o700)

    pid = os.fork()
    if pid == 0:
        become('nobody')
        os.mkdir(f'{agent.shared}/nobody')
        os.symlink(precious, f'{agent.shared}/nobody/link')
        os.symlink('/etc/shadow', f'{agent.shared}/nobody/shadow')
        os._exit(0)
    os.waitpid(pid, 0)
    own = f'{agent.shared}/nobody'
    for fields in ({'path': f'{own}/link'}, {'path': precious}, {'path': f'{agent.base}/closed/new'},
                   {'path': f'{own}/none/new'}):
        found = run_with_output(agent, **fields)
        assert pick(found, 'status', 'cause') == ('failed', 'launchFailed') and found['errorMessage'], found
    with open(precious, encoding='ascii') as file:
        assert file.read() == 'precious'
    assert not os.listdir(f'{agent.base}/closed')
    for fields in ({'stdin': f'{own}/shadow'}, {'stdin': precious}, {'workDirectory': f'{agent.base}/closed'},
                   {'workDirectory': f'{own}/none'}, {'stderr': f'{own}/link'}):
        found = run_with_output(agent, f'{own}/out', **fields)
        assert pick(found, 'status', 'cause', 'exitCode') == ('failed', 'launchFailed', None), found


@test
def programs_of_root_are_safe(agent):
    program = f'{agent.base}/closed'
    with open(program, 'w', encoding='ascii') as file:
        file.write('#!/bin/sh\n')
    os.chmod(program, 0o700)
    with agent.client('nobody') as client:
        for command in ([program], [f'{agent.base}/none'], ['no-such-program-anywhere']):
            job = queue(client, agent, command)
            agent.wait_over(job)
            found = agent.task(job)
            assert pick(found, 'status', 'cause', 'exitCode') == ('failed', 'launchFailed', None), found


@test
def no_more_privileges(agent):
    """A task cannot gain privileges by a set-uid program, and has no capabilities."""
    with agent.client('nobody') as client:
        job = queue(client, agent, "grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs)' /proc/self/status")
    agent.wait_over(job)
    found = dict(line.split(':\t') for line in agent.output(job).decode().splitlines())
    assert all(int(value, 16) == 0 for name, value in found.items() if name.startswith('Cap')), found


@test
def the_files_of_the_agent(agent):
    """What the agent keeps is for the agent alone."""
    with agent.client('nobody') as client:
        job = queue(client, agent, f'echo {SECRET}')
    agent.wait_over(job)
    assert stat.S_IMODE(os.stat(agent.state_dir).st_mode) == 0o700
    for directory, directories, names in os.walk(agent.state_dir):
        for name in directories + names:
            mode = os.lstat(os.path.join(directory, name)).st_mode
            assert not mode & 0o077 or directory != agent.state_dir, (directory, name, oct(mode))
    pid = os.fork()
    if pid == 0:
        become('daemon')
        readable = []
        for top in agent.state_dir, agent.runtime_dir:
            for directory, _, names in os.walk(top):
                readable += [name for name in names if os.access(os.path.join(directory, name), os.R_OK)]
        os._exit(1 if readable else 0)
    assert os.waitpid(pid, 0)[1] == 0


@test
def limits_without_their_controller(agent):
    """A limit that nobody would enforce is refused by the name of what is missing."""
    missing = agent.status()['selfTest']['missingControllers']
    limits = {'memory': {'memoryMax': 1 << 26}, 'pids': {'processMax': 50}, 'cpu': {'cpuMax': 50}}
    for controller, limit in limits.items():
        if controller in missing:
            error = expect('ControllerMissing', agent.submit, 'true', limits=limit)
            assert error['controller'] == controller and error['parameter'], error
        else:
            assert agent.wait_over(agent.submit('true', limits=limit))['status'] == 'finished'


@test
def limits_of_processes(agent):
    limits = {'nofile': 77, 'fsize': 1024000}
    job = agent.submit([agent.victim, 'many', '40'], 'ulimit -n; ulimit -f', processLimits=limits)
    agent.wait_task(job, 2, 'finished')
    assert agent.output(job, 2).split() == [b'77', b'2000'], agent.output(job, 2)
    expect('org.varlink.service.InvalidParameter', agent.submit, 'true', processLimits={'no-such-limit': 1})
    agent.cancel(job)


@test(agent=False)
def an_unknown_setting_is_refused():
    agent = Agent(config={'NoSuchSetting': '1'})
    agent.launch_agent()
    assert agent.process.wait(60) != 0
    assert 'line 1' in agent.log(), agent.log()
    agent = Agent(config=ADMINISTRATORS)
    os.chmod(agent.config_path, 0o666)
    agent.launch_agent()
    assert agent.process.wait(60) != 0


run()
