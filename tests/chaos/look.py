#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looks at what is left on the machine, for judge.py: one line of JSON.

    look.py WHEN TOKEN CGROUP RUNTIME_DIR STATE_DIR AGENT_PID LAUNCHER_PID

TOKEN is what every process of a job has in its environment, CGROUP the directory that the agent was given.
"""
import json
import os
import sys


def read(path):
    """The bytes of a small file; empty when it has vanished."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def processes_with(token):
    """Every process that has the token, wherever it lives."""
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and token in read(f"/proc/{pid}/environ")]


def cgroups_below(path):
    """All directories below a cgroup."""
    return [directory for directory, _, _ in os.walk(path) if directory != path]


def is_frozen(cgroup):
    """Whether it is frozen or is about to be."""
    return read(f"{cgroup}/cgroup.freeze").strip() == b"1" or b"frozen 1" in read(f"{cgroup}/cgroup.events")


def files_in(path):
    """The names in a directory."""
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


def count_descriptors(pid):
    """How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def look(when, token, cgroup, runtime_dir, state_dir, agent, launcher):
    """Everything at once."""
    supervisors = read(f"{cgroup}/launcher/cgroup.procs").decode().split()
    return {
        "when": when,
        "processes": processes_with(token.encode()),
        "cgroups": cgroups_below(f"{cgroup}/jobs"),
        "frozen": [path for path in [cgroup] + cgroups_below(cgroup) if is_frozen(path)],
        "reapers": [int(pid) for pid in supervisors if pid != launcher],
        "files": files_in(f"{runtime_dir}/records"),
        "outputs": files_in(f"{state_dir}/output"),
        "descriptors": {"agent": count_descriptors(agent), "launcher": count_descriptors(launcher)},
    }


if __name__ == "__main__":
    print(json.dumps(look(*sys.argv[1:])))
