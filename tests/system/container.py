# SPDX-License-Identifier: LGPL-2.1-or-later
"""A container: a system under systemd-nspawn, at native speed, with the machine's kernel and its cgroup controllers."""

from machine import Machine
from workspace import private

# The machine's own cgroup mounts, of whichever version, are hidden from this namespace alone. /run is where nspawn has
# files with the name of the container: it may be the same for all.
LAUNCH = '''
mount --make-rprivate /
umount --recursive /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run
mount -t overlay -o "lowerdir=$lower,upperdir=$directory/upper,workdir=$directory/work" overlay "$directory/root"
exec systemd-nspawn --quiet --register=no --keep-unit --boot --directory="$directory/root" --machine=corral \\
    --private-network --console=pipe --bind="$line:/run/corral-tests"
'''


class Container(Machine):
    """Its files are those of the tree with a layer of its own, which stays over its boots."""

    def _make(self):
        for name in ('upper', 'work', 'root'):
            (self.directory / name).mkdir()

    def _command(self, line):
        lower = ':'.join(str(path) for path in self.tree.layers(self.installed))
        variables = {'lower': lower, 'directory': self.directory, 'line': line,
                     'SYSTEMD_NSPAWN_UNIFIED_HIERARCHY': '1'}
        return ['env', *(f'{name}={value}' for name, value in variables.items()), *private(LAUNCH, pids=False)]
