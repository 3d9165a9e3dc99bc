# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a run makes of the images: the files of a guest, the Debian packages to test, a disk.

Each is made once, by whoever needs it first, and then only read. Several programs may use the same directory.
"""

import fcntl
import os
import re
import shutil
from pathlib import Path

from images import CONTROL, SOURCE, unpack

HERE = Path(__file__).parent
DISK_SIZE = '4G'  # sparse
PACKAGES_IN_GUEST = 'srv/corral'
TOOLS_IN_GUEST = 'usr/local/lib/corral-tests'

# Programs that run in a tree see its own /proc and a few devices, and neither network nor services.
CHROOT = r'''
mount --make-rprivate /
mount -t overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" overlay "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
exec chroot "$root" sh -euc "$command"
'''

# An image of a disk needs no mounting but that of the layers.
DISK = r'''
mount --make-rprivate /
mount -t overlay -o "lowerdir=$lower" overlay "$root"
truncate --size="$size" "$disk"
mke2fs -q -t ext4 -L corral -E lazy_itable_init=1,lazy_journal_init=1 -d "$root" "$disk"
'''


class Tree:
    """One release's."""

    def __init__(self, workspace, release, directory):
        self.workspace, self.release = workspace, release
        self.directory = Path(directory) / release
        self.directory.mkdir(parents=True, exist_ok=True)

    def once(self, name, make):
        """The path of what make(path) makes, unless it exists already."""
        path = self.directory / name
        if not path.exists():
            with open(self.directory / f'{name}.lock', 'w', encoding='ascii') as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not path.exists():
                    unfinished = path.with_name(f'{name}.unfinished')
                    # What one that was killed has left.
                    self.workspace.run(['rm', '-rf', unfinished])
                    make(unfinished)
                    unfinished.rename(path)
        return path

    def _run_in(self, lower, upper, command):
        """Runs a shell command in a tree; what it changes is put into upper."""
        scratch = self.workspace.directory('chroot')
        (scratch / 'root').mkdir()
        # It has to be on the same file system.
        work = upper.with_name(f'{upper.name}.work')
        self.workspace.run(['rm', '-rf', work])
        work.mkdir()
        self.workspace.run_private(CHROOT, lower=lower, upper=upper, work=work, root=scratch / 'root', command=command)
        self.workspace.run(['rm', '-rf', work, scratch])

    # -- packages --

    def packages(self):
        """The directory with the packages of Corral; "next" in it has them once more, with a higher version."""
        return self.once('packages', self._make_packages)

    def _make_packages(self, path):
        path.mkdir()
        ready = os.environ.get('CORRAL_PACKAGES')
        if ready:
            for package in (Path(ready) / self.release).glob('*.deb'):
                shutil.copy(package, path)
        elif CONTROL.exists():
            self._build_packages(path)
        self._make_next(path)

    def _build_packages(self, path):
        builder = self.workspace.path / f'builder-{self.release}'
        upper = self.workspace.directory('build')
        unpack(self.workspace, 'builder', self.release, builder)
        (upper / 'source').mkdir()
        # As from a fresh clone, and with what is being worked on.
        self.workspace.run_private('tar -c -C "$source" --exclude-vcs --exclude="./build*" . | tar -x -o -C "$into"',
                                   source=SOURCE, into=upper / 'source')
        self._run_in(builder, upper, 'cd /source && packaging/build-deb --tree /built')
        for package in (upper / 'built').glob('*.deb'):
            if '-dbgsym_' not in package.name:
                shutil.copy(package, path)
        self.workspace.run(['rm', '-rf', builder, upper])

    def _make_next(self, path):
        """The same packages as a later version, for upgrades."""
        (path / 'next').mkdir()
        scratch = self.workspace.directory('next')
        packages = sorted(path.glob('*.deb'))
        for package in packages:
            version = self.workspace.run(['dpkg-deb', '--field', package, 'Version']).strip()
            tree = scratch / package.stem
            self.workspace.run(['dpkg-deb', '--raw-extract', package, tree])
            control = tree / 'DEBIAN/control'
            # The version itself, and where one package depends on the same version of another.
            text = re.sub(rf'{re.escape(version)}(?=[\s)])', f'{version}+next', control.read_text(encoding='utf-8'))
            control.write_text(text, encoding='utf-8')
            self.workspace.run(['dpkg-deb', '--build', '-Znone', tree, path / 'next'])
        self.workspace.run(['rm', '-rf', scratch])

    # -- files --

    def root(self):
        """The files of a guest in which nothing is installed yet."""
        return self.once('root', self._make_root)

    def _make_root(self, path):
        unpack(self.workspace, 'guest', self.release, path)
        tools = path / TOOLS_IN_GUEST
        tools.mkdir(parents=True)
        sources = [*(HERE / 'guest').iterdir(), *(HERE / 'helpers').iterdir()]
        sources += [HERE.parent / 'integration' / name for name in ('varlink.py', 'support.py', 'processes.py')]
        for source in sources:
            shutil.copy(source, tools)
            if os.access(source, os.X_OK) and source.suffix == '':
                (path / 'usr/local/bin' / source.name).symlink_to(f'/{TOOLS_IN_GUEST}/{source.name}')
        unit = path / 'etc/systemd/system/corral-tests.service'
        (tools / unit.name).rename(unit)
        wants = unit.with_name('multi-user.target.wants')
        wants.mkdir(exist_ok=True)
        (wants / unit.name).symlink_to(f'../{unit.name}')
        shutil.copytree(self.packages(), path / PACKAGES_IN_GUEST)

    def installed(self):
        """What the installation of the packages adds to the files."""
        return self.once('installed', self._make_installed)

    def _make_installed(self, path):
        if not list(self.packages().glob('*.deb')):
            raise RuntimeError('there are no packages of Corral to install: packaging/build-deb makes them')
        path.mkdir()
        self._run_in(self.root(), path, f'dpkg --install /{PACKAGES_IN_GUEST}/*.deb')

    def layers(self, installed):
        """The directories to lay over one another, the uppermost first."""
        return [self.installed(), self.root()] if installed else [self.root()]

    # -- virtual machine --

    def kernel(self):
        return self.root() / 'boot/vmlinuz'

    def initrd(self):
        return self.root() / 'boot/initrd'

    def disk(self, installed):
        """The image of a disk."""
        return self.once('disk-installed' if installed else 'disk-bare', lambda path: self._make_disk(path, installed))

    def _make_disk(self, path, installed):
        # An overlay without an upper layer needs two below.
        scratch = self.workspace.directory('disk')
        for name in ('root', 'none'):
            (scratch / name).mkdir()
        lower = ':'.join(map(str, [scratch / 'none', *self.layers(installed)]))
        self.workspace.run_private(DISK, lower=lower, root=scratch / 'root', size=DISK_SIZE, disk=path)
        self.workspace.run(['rm', '-rf', scratch])
