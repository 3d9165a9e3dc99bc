# SPDX-License-Identifier: LGPL-2.1-or-later
"""A virtual machine: QEMU without hardware's help. Slow, but with a kernel, a disk and every controller of its own."""

from machine import Machine

MEMORY = 1024  # MiB
CPUS = 2


class Vm(Machine):
    """Its disk is a copy of the tree's, and stays over its boots."""

    patience = 180
    boot_patience = 300
    command_patience = 600

    def _make(self):
        self.disk = self.directory / 'disk'
        self.workspace.run(['cp', '--sparse=always', '--reflink=auto', self.tree.disk(self.installed), self.disk])

    def _command(self, line):
        # Without cx16 this QEMU does not crash kernels of Debian 13.
        return ['qemu-system-x86_64', '-accel', 'tcg,thread=multi', '-cpu', 'max,-cx16', '-smp', str(CPUS),
                '-m', str(MEMORY), '-nodefaults', '-display', 'none', '-no-reboot',
                '-chardev', f'file,id=console,path={self.console_path},append=on', '-serial', 'chardev:console',
                '-kernel', self.tree.kernel(), '-initrd', self.tree.initrd(),
                '-append', 'console=ttyS0 root=/dev/vda rw panic=-1 quiet',
                '-drive', f'file={self.disk},format=raw,if=virtio',
                '-device', 'virtio-serial-pci', '-chardev', f'socket,id=exec,path={line}/exec',
                '-device', 'virtserialport,chardev=exec,name=corral-tests']
