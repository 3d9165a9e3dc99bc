#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The jobs' cgroup may be closed, go and come back while the agent runs, as corral-jobs.service does."""

import os

from corral_test import pick, run, test, wait_until


def close_gate(agent):
    with open(f'{agent.cgroup}/jobs/cgroup.max.descendants', 'w', encoding='ascii') as file:
        file.write('0')


def remove_jobs(agent):
    """What the service manager does to a unit's cgroup in which no process is left."""
    for directory, _, _ in os.walk(f'{agent.cgroup}/jobs', topdown=False):
        os.rmdir(directory)


def expect_end(agent, job):
    """The job finishes, with the first attempt of its one task."""
    assert pick(agent.wait_over(job), 'status', 'runs') == ('finished', 1), (agent.job(job), agent.history(job))
    assert [attempt['cause'] for attempt in agent.attempts(job)] == ['exited'], agent.attempts(job)


@test(own_launcher=False)
def jobs_wait_behind_a_closed_gate(agent):
    close_gate(agent)
    job = agent.submit('true')
    wait_until(lambda: agent.status()['held'], 'the queue is held')
    assert 'corral-jobs.service' in agent.status()['held'] == agent.job(job)['pendingReason']
    assert agent.job(job)['status'] == agent.task(job, 1)['status'] == 'queued'
    with open(f'{agent.cgroup}/jobs/cgroup.max.descendants', 'w', encoding='ascii') as file:
        file.write('max')
    expect_end(agent, job)
    assert not agent.status()['held']


@test(own_launcher=False)
def jobs_start_in_a_new_cgroup(agent):
    agent.wait_over(agent.submit('true'))
    remove_jobs(agent)
    # The agent finds it out when it wants to start something.
    expect_end(agent, agent.submit('true'))
    agent.assert_nothing_left()


@test(own_launcher=False)
def jobs_wait_for_what_was_closed_and_removed(agent):
    agent.wait_over(agent.submit('true'))
    close_gate(agent)
    first = agent.submit('true')
    wait_until(lambda: agent.status()['held'], 'the queue is held')
    remove_jobs(agent)
    expect_end(agent, first)
    expect_end(agent, agent.submit('true'))


@test(own_launcher=False)
def a_job_goes_on_in_a_new_cgroup(agent):
    """One of its tasks has ended in the old one."""
    agent.set(Slots=1)
    job = agent.submit(f'while [ ! -e {agent.shared}/go ]; do sleep 0.02; done', 'true')
    agent.wait_pids(job, 1)
    close_gate(agent)
    with open(f'{agent.shared}/go', 'wb'):
        pass
    wait_until(lambda: [task['status'] for task in agent.tasks(job)] == ['finished', 'queued'], 'the first has ended')
    assert agent.status()['held'] and agent.job(job)['pendingReason'] == agent.status()['held']
    remove_jobs(agent)
    assert agent.wait_over(job)['status'] == 'finished', agent.history(job)
    agent.assert_nothing_left()


@test(own_launcher=False)
def a_cancel_behind_a_closed_gate(agent):
    """The gate keeps newcomers out, and nothing in."""
    job = agent.submit_victim('tree', 5, processes=5)
    close_gate(agent)
    assert agent.cancel(job)['status'] == 'canceled'
    remove_jobs(agent)
    expect_end(agent, agent.submit('true'))


run()
