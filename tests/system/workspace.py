# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one run takes of the machine: a directory, and a cgroup in which all its processes are.

A guard, a process of its own, waits for the end of the run, be it orderly or a SIGKILL, kills what is left in the
cgroup and removes both. What is mounted lies in private mount namespaces and goes with their last process.
"""

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(1, str(Path(__file__).parent.parent / 'integration'))

# pylint: disable=wrong-import-position
from processes import cgroup_destroy, cgroup_mount  # noqa: E402


class Workspace:
    """Use it in a with statement."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix='corral-system-', dir='/var/tmp'))
        self.path.chmod(0o755)
        self.name = self.path.name
        self.cgroup = Path(cgroup_mount()) / self.name
        self._numbers = 0
        self._guard = subprocess.Popen([sys.executable, __file__, self.path, self.cgroup], stdin=subprocess.PIPE,
                                       start_new_session=True)
        self.cgroup.mkdir()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends every process of the run, and removes its files."""
        self._guard.stdin.close()
        self._guard.wait()

    def number(self):
        """A number that is new in this run."""
        self._numbers += 1
        return self._numbers

    def directory(self, prefix):
        """A new directory."""
        path = self.path / f'{prefix}{self.number()}'
        path.mkdir()
        return path

    def new_cgroup(self):
        """A new cgroup. One that was killed is never used again: kernels kill what is cloned into it later."""
        cgroup = self.cgroup / str(self.number())
        cgroup.mkdir()
        return cgroup

    def start(self, command, cgroup=None, **options):
        """Starts a program in a cgroup of the run; options go to Popen."""
        procs = (cgroup or self.new_cgroup()) / 'cgroup.procs'
        options = {'stdin': subprocess.DEVNULL, **options}
        return subprocess.Popen(command, preexec_fn=lambda: procs.write_text('0'), **options)

    def run(self, command, **options):
        """Runs a program to its end; raises CalledProcessError with what it printed when it fails."""
        process = self.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace',
                             **options)
        output = process.communicate()[0]
        if process.returncode != 0:
            raise subprocess.CalledProcessError(process.returncode, command, output)
        return output

    def run_private(self, script, **variables):
        """Runs a shell script in a mount and a pid namespace of its own; it sees the variables."""
        return self.run(private(script), env={**clean_environment(), **{k: str(v) for k, v in variables.items()}})

    def destroy_cgroup(self, cgroup):
        """Kills everything in it."""
        cgroup_destroy(str(cgroup))


def private(script, pids=True):
    """The command that runs a shell script in namespaces of its own."""
    namespaces = ['--pid', '--fork', '--kill-child'] if pids else []
    return ['unshare', '--mount', *namespaces, 'sh', '-euc', script]


def clean_environment():
    """As little as programs need: nothing of the machine's own may get into a guest."""
    return {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/root', 'LC_ALL': 'C.UTF-8',
            'DEBIAN_FRONTEND': 'noninteractive'}


def on_termination():
    """Lets a SIGTERM unwind the program like an exception."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('terminated'))


def guard(path, cgroup):
    """Waits until the run is over, and clears up behind it."""
    for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signo, signal.SIG_IGN)
    sys.stdin.read()
    cgroup_destroy(cgroup)
    shutil.rmtree(path, ignore_errors=True)


if __name__ == '__main__':
    guard(*sys.argv[1:])
