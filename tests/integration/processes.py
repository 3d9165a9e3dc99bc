# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes, cgroups, mounts and users of the machine."""

import ctypes
import functools
import grp
import os
import pwd
import signal
import subprocess

from support import Skip, wait_until


@functools.lru_cache(None)
def cgroup_mount():
    """Where cgroup v2 is mounted."""
    with open('/proc/self/mountinfo', encoding='utf-8') as file:
        for line in file:
            fields = line.split()
            if fields[fields.index('-') + 1] == 'cgroup2':
                return fields[4]
    raise Skip('cgroup v2 is not mounted')


def cgroup_pids(path):
    """The pids of a cgroup and all below it; none when it does not exist."""
    pids = set()
    for directory, _, _ in os.walk(path):
        try:
            with open(f'{directory}/cgroup.procs', encoding='ascii') as file:
                pids.update(int(line) for line in file)
        except (FileNotFoundError, OSError):
            pass  # it vanished meanwhile
    return pids


def cgroup_empty(path):
    """Whether the kernel says that nothing lives in a cgroup."""
    try:
        with open(f'{path}/cgroup.events', encoding='ascii') as file:
            return 'populated 0' in file.read()
    except (FileNotFoundError, OSError):
        return True


def cgroup_destroy(path):
    """Kills everything in a cgroup and removes it."""
    def write(name, text):
        try:
            with open(f'{path}/{name}', 'w', encoding='ascii') as file:
                file.write(text)
        except OSError:
            pass

    def empty():
        write('cgroup.kill', '1')
        return cgroup_empty(path)

    def removed():
        for directory, _, _ in os.walk(path, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                pass
        return not os.path.exists(path)

    if os.path.exists(path):
        wait_until(empty, f'{path} is empty')
        wait_until(removed, f'{path} is removed')


def process_state(pid):
    """The letter of proc(5), or None when there is no such process."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
            return file.read().rpartition(')')[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def process_alive(pid):
    return process_state(pid) not in (None, 'Z', 'X')


def processes_with(text):
    """Pids of living processes that have text in their environment: those that escaped from a cgroup, too."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/environ', 'rb') as file:
                if text.encode() in file.read():
                    found.append(int(pid))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass
    return found


def children_of(parent):
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
                if int(file.read().rpartition(')')[2].split()[1]) == parent:
                    found.append(int(pid))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def kill(pid, signo=signal.SIGKILL):
    try:
        os.kill(pid, signo)
    except ProcessLookupError:
        pass


@functools.lru_cache(None)
def own_mounts():
    """Gives this program a mount namespace of its own: what it mounts vanishes with it."""
    libc = ctypes.CDLL(None, use_errno=True)
    clone_newns, ms_rec, ms_private = 0x20000, 0x4000, 0x40000
    if libc.unshare(clone_newns) < 0 or libc.mount(b'none', b'/', None, ms_rec | ms_private, None) < 0:
        raise Skip(f'no mount namespace: {os.strerror(ctypes.get_errno())}')


def mount_small_disk(path, options):
    """A tmpfs on a directory, with options as size=1m,mode=0700."""
    own_mounts()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', options, 'none', path], check=True)


def become(user, extra_groups=()):
    """Turns this process (a child made for it) into one of a user."""
    entry = pwd.getpwnam(user)
    groups = os.getgrouplist(user, entry.pw_gid) + [grp.getgrnam(name).gr_gid for name in extra_groups]
    os.setgroups(groups)
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
