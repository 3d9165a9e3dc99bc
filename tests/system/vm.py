# SPDX-License-Identifier: LGPL-2.1-or-later
"""A virtual machine: QEMU without hardware's help. Slow, but with a kernel, a disk and every controller of its own.

To boot takes half a minute or more. So that is done once: the first boot of every machine goes on where a snapshot of
such a one, taken when it had booted, left off. Later boots are real ones.
"""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

from channel import Failed
from machine import Machine

MEMORY = 3072  # MiB. By default, Linux lets a user have four processes for each: see fork-bomb.story.
CPUS = 2
DISK_PROGRAM = Path(__file__).parent / 'disk.py'


class Vm(Machine):
    """Its disk is a copy of the snapshot's, and stays over its boots."""

    patience = 180
    boot_patience = 300
    command_patience = 600

    def _make(self):
        snapshot = make_snapshot(self.workspace, self.tree, self.installed)
        self.disk = self.directory / 'disk'
        self.workspace.run(['cp', '--sparse=always', '--reflink=auto', snapshot / 'disk', self.disk])
        self._state = snapshot / 'state'
        self._listener = self._server = None
        self.disk_report = None  # of the last time that it was on, see disk.py

    def _command(self, line):
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(line / 'disk'))
        self._listener.listen()
        self._server = self.workspace.start([sys.executable, DISK_PROGRAM, self.disk], stdin=self._listener,
                                            stdout=subprocess.PIPE)
        command = qemu(self.tree, f'nbd+unix:///?socket={line}/disk', self.console_path, line, self.parallel)
        if self._state:
            command += ['-incoming', f'exec:zstd -dc {self._state}']
        return command

    def _booted(self):
        if self._state:
            self._state = None
            self.run(f'date --set=@{time.time():.3f}')
        else:
            super()._booted()

    def power_cut(self):
        super().power_cut()
        if self._server:
            # Lets the disk go also when no QEMU came.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self.disk_report = json.loads(self._server.communicate()[0])
            self._listener = self._server = None


class FirstVm(Machine):
    """One that is not made from a snapshot, but for it."""

    boot_patience = 600
    command_patience = 600

    def _make(self):
        self.disk = self.directory / 'disk'
        self.workspace.run(['cp', '--sparse=always', '--reflink=auto', self.tree.disk(self.installed), self.disk])

    def _command(self, line):
        self._qmp = line / 'qmp'
        return [*qemu(self.tree, self.disk, self.console_path, line), '-qmp', f'unix:{self._qmp},server=on,wait=off']

    def save(self, path):
        """Writes the state of the machine, which ends."""
        self.run('sync')
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(self.command_patience)
            control.connect(str(self._qmp))
            lines = control.makefile('rb')

            def ask(command, **arguments):
                control.sendall(json.dumps({'execute': command, 'arguments': arguments}).encode())
                while 'return' not in (answer := json.loads(next(lines))):
                    if 'error' in answer:
                        raise Failed(f'{command}: {answer}')
                return answer['return']

            ask('qmp_capabilities')
            ask('migrate', uri=f'exec:zstd -q -1 >{path}')
            while (status := ask('query-migrate').get('status')) != 'completed':
                if status in ('failed', 'cancelled'):
                    raise Failed(f'the state cannot be saved: {status}')
                time.sleep(0.1)
            ask('quit')
        self._process.wait(self.command_patience)


def qemu(tree, disk, console, line, parallel=False):
    """The command of a machine.

    Not parallel: one thread runs all of its processors in turns. With a thread for each, one of them may run what
    another has just patched in the kernel's code, and a boot of a hundred ends in an oops (int3).
    """
    threads = 'multi' if parallel else 'single'
    # Without cx16 this QEMU does not crash kernels of Debian 13.
    return ['qemu-system-x86_64', '-accel', f'tcg,thread={threads}', '-cpu', 'max,-cx16', '-smp', str(CPUS),
            '-m', str(MEMORY), '-nodefaults', '-display', 'none', '-no-reboot',
            '-chardev', f'file,id=console,path={console},append=on', '-serial', 'chardev:console',
            '-kernel', str(tree.kernel()), '-initrd', str(tree.initrd()),
            '-append', 'console=ttyS0 root=/dev/vda rw panic=-1 quiet',
            '-drive', f'file={disk},format=raw,if=virtio',
            '-device', 'virtio-serial-pci', '-chardev', f'socket,id=exec,path={line}/exec',
            '-device', 'virtserialport,chardev=exec,name=corral-tests']


def make_snapshot(workspace, tree, installed):
    """The directory with disk and state of a machine that has booted; made once."""
    def make(path):
        path.mkdir()
        machine = FirstVm(workspace, tree, installed).boot()
        machine.save(path / 'state')
        machine.disk.rename(path / 'disk')
        machine.destroy()

    return tree.once('vm-installed' if installed else 'vm-bare', make)
