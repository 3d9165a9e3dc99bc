#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks the agent for all that it has on record, for judge.py: ask.py SOCKET. Prints JSON."""

import base64
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../integration'))
# pylint: disable=wrong-import-position
from varlink import Client


def ask(client):
    """The status; and each job with tasks, attempts, history, and kept output by "task.attempt"."""
    answers = {'status': client.call('GetStatus'), 'jobs': []}
    for job in client.listed('ListJobs', 'job'):
        answer = client.call('GetJob', id=job['id'])
        answer['history'] = client.listed('GetHistory', 'entry', job=job['id'])
        answer['output'] = {}
        for attempt in answer['attempts']:
            if attempt['stdoutSize']:
                pieces = client.listed('GetOutput', 'data', job=job['id'], task=attempt['task'],
                                       attempt=attempt['attempt'])
                kept = b''.join(map(base64.b64decode, pieces)).decode(errors='replace')
                answer['output'][f'{attempt["task"]}.{attempt["attempt"]}'] = kept
        answers['jobs'].append(answer)
    return answers


if __name__ == '__main__':
    with Client(sys.argv[1]) as agent:
        print(json.dumps(ask(agent)))
