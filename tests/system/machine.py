# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine with a system of its own: what containers and virtual machines have in common.

    with Workspace() as workspace:
        machine = Container(workspace, trees.of('trixie'), installed=True)
        machine.boot()
        machine.run('corral run -- id -un', user='alice').text
        machine.power_cut()
        machine.boot()
        machine.destroy()

Everything has a deadline: nothing here waits for ever.
"""

import shlex
import subprocess
import time

from channel import Channel, Failed, Gone


class Machine:
    """Subclasses tell how it is launched."""

    # Seconds. Not statements about speed: the machine of the tests may be very busy.
    patience = 60
    boot_patience = 120
    command_patience = 180

    def __init__(self, workspace, tree, installed=True, parallel=False):
        """installed: whether Corral's packages are installed at the first boot. parallel: see qemu() in vm.py."""
        self.workspace, self.tree, self.installed, self.parallel = workspace, tree, installed, parallel
        self.directory = workspace.directory('machine')
        self.console_path = self.directory / 'console'
        self._channel = None
        self._process = None
        self._cgroup = None
        self._make()

    def _make(self):
        """Makes what the machine keeps over its boots."""
        raise NotImplementedError

    def _command(self, line):
        """The command that runs the machine, which connects to the socket line/exec."""
        raise NotImplementedError

    # -- life --

    def boot(self, finish=True):
        """Starts the machine, and waits until it takes commands and, if it is to finish, all of its units have been
        started."""
        assert not self.is_on(), 'the machine is on'
        line = self.workspace.directory('line')
        self._channel = Channel(line / 'exec')
        (line / 'exec').chmod(0o600)
        self._cgroup = self.workspace.new_cgroup()
        with open(self.console_path, 'ab') as console:
            self._process = self.workspace.start(self._command(line), self._cgroup, stdout=console, stderr=console)
        end = time.monotonic() + self.boot_patience
        while not self._channel.ask_for_greeting(0.5):
            if self._process.poll() is not None:
                raise Gone(f'the machine ended while it booted, with {self._process.returncode}')
            if time.monotonic() > end:
                raise Gone(f'the machine has not booted within {self.boot_patience} s')
        if finish:
            self._booted()
        return self

    def _booted(self):
        """The machine takes commands; waits until all the rest of it has been started."""
        self.run('systemctl is-system-running --wait', check=False)

    def is_on(self):
        return self._process is not None and self._process.poll() is None

    def power_cut(self):
        """Ends the machine at once. What it had not written to its disk is lost."""
        if self._process:
            self.workspace.destroy_cgroup(self._cgroup)
            self._process.wait()
            self._channel.close()
            self._process = self._channel = None

    def power_off(self):
        """Ends the machine in an orderly way."""
        self._leave('systemctl --no-block poweroff')

    def reboot(self):
        """Ends the machine in an orderly way, and boots it again."""
        self._leave('systemctl --no-block reboot')
        self.boot()

    def _leave(self, command):
        try:
            self.run(command)
        except Gone:
            pass  # it was quick
        try:
            self._process.wait(self.boot_patience)
        except subprocess.TimeoutExpired:
            raise Failed(f'not within {self.boot_patience} s: {command}') from None
        self.power_cut()

    def destroy(self):
        """Ends the machine and removes what it has."""
        self.power_cut()
        self.workspace.run(['rm', '-rf', self.directory])

    # -- commands --

    def start(self, command, user='root', listener=None, **variables):
        """Starts a shell command in the machine; users other than root are logged in for it. Returns a Command. For the
        listener see Channel."""
        if not self._channel:
            raise Gone('the machine is off')
        exports = ''.join(f'export {name}={shlex.quote(str(value))}\n' for name, value in variables.items())
        arguments = ['runuser', '--login', user, '--command', exports + command]
        if user == 'root':
            arguments = ['env', '-i', '-C', '/root', 'HOME=/root', 'USER=root', 'LANG=C.UTF-8', 'TERM=dumb',
                         'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
                         'bash', '-c', exports + command]
        return self._channel.start(arguments, f'{user}: {command}', listener)

    def run(self, command, user='root', *, stdin=b'', check=True, timeout=None, **variables):
        """Runs a shell command to its end; returns a Result. check: whether another exit status than 0 is a failure."""
        running = self.start(command, user, **variables)
        running.write(stdin)
        running.end_input()
        result = running.wait(timeout or self.command_patience)
        if check and result.status != 0:
            raise Failed(str(result))
        return result

    def put(self, path, data, mode='644'):
        """Writes a file in the machine."""
        quoted = shlex.quote(str(path))
        self.run(f'cat >{quoted} && chmod {mode} {quoted}', stdin=data)

    def get(self, path):
        """Reads a file in the machine."""
        return self.run(f'cat {shlex.quote(str(path))}').stdout

    def wait_until(self, command, user='root', patience=None, **variables):
        """Repeats a command until it exits with 0; returns its Result."""
        end = time.monotonic() + (patience or self.patience)
        pause = 0.02
        while True:
            result = self.run(command, user, check=False, **variables)
            if result.status == 0:
                return result
            if time.monotonic() > end:
                raise Failed(f'not within {patience or self.patience} s: {result}')
            time.sleep(pause)
            pause = min(pause * 1.5, 1)

    # -- when something has failed --

    def journal(self, lines=40):
        """The end of its journal, or of its console when it does not answer."""
        try:
            command = f'journalctl --boot --no-pager --lines {lines} --output short-precise'
            return self.run(command, check=False, timeout=30).text
        except (Gone, Failed) as error:
            console = self.console_path.read_text(errors='replace') if self.console_path.exists() else ''
            return f'{error}; console:\n' + '\n'.join(console.splitlines()[-lines:])
