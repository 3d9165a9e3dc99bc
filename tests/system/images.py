# SPDX-License-Identifier: LGPL-2.1-or-later
"""Root file systems, made from Debian packages and kept between runs.

There are two kinds, each for each release: "guest", which containers and virtual machines boot, and "builder", in which
the Debian packages are built. They are kept for the rest of the week as archives in CACHE, unless there is no room.
"""

import contextlib
import datetime
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from workspace import clean_environment, private

# The name of a release, as people and stories know it.
RELEASES = {'12': 'bookworm', '13': 'trixie'}

CACHE = Path(os.environ.get('CORRAL_TESTS_CACHE') or '/var/cache/corral-tests')
ROOM_TO_SPARE = 6 << 30  # bytes; with less than that on the disk nothing is kept
MEMORY_TO_SPARE = 6 << 20  # KiB; with less than that, images are made on the disk

SOURCE = Path(__file__).parents[2]
RECIPES = Path(__file__).parent / 'images'
CONTROL = SOURCE / 'packaging/debian/control'

GUEST_PACKAGES = [
    *('systemd', 'systemd-sysv', 'dbus', 'udev', 'libpam-systemd', 'passwd', 'adduser', 'procps', 'kmod'),
    *('python3', 'busybox-static', 'sqlite3'),
    # What the packages of Corral depend on: they are installed where there is no network.
    *('libjansson4', 'libsqlite3-0', 'libsystemd0'),
]
# What has another name in every release.
GUEST_PACKAGES_OF = {'bookworm': ['libcgroup2'], 'trixie': ['libcgroup3']}

MMDEBSTRAP = r'''
[ -z "$memory" ] || mount -t tmpfs -o mode=755 tmpfs "$TMPDIR"
mmdebstrap --quiet --mode=root --variant="$variant" --include="$packages" --dpkgopt=force-unsafe-io \
    --essential-hook='printf "path-exclude=%s\n" "/usr/share/doc/*" "/usr/share/man/*" "/usr/share/locale/*" \
        >"$1/etc/dpkg/dpkg.cfg.d/lean"' \
    --customize-hook='cp -r "$inputs" "$1/recipe"' --customize-hook='chroot "$1" /recipe/recipe' \
    --customize-hook='rm -r "$1/recipe"' \
    "$release" "$image"
'''


def _description(kind, release):
    """All that an image depends on: its variant, packages and files, and the week."""
    files = {'recipe': (RECIPES / kind).read_bytes()}
    if kind == 'guest':
        variant, packages = 'minbase', GUEST_PACKAGES + GUEST_PACKAGES_OF[release]
    else:
        variant, packages = 'buildd', ['dpkg-dev', 'fakeroot']
        files['control'] = CONTROL.read_bytes()
    return variant, packages, files


def _key(*parts):
    year, week, _ = datetime.date.today().isocalendar()
    return hashlib.sha256(repr((MMDEBSTRAP, year, week, *parts)).encode()).hexdigest()[:16]


def _available_memory():
    """In KiB."""
    with open('/proc/meminfo', encoding='ascii') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('MemAvailable'))


def _make(workspace, kind, release, image):
    variant, packages, files = _description(kind, release)
    scratch = workspace.directory('image')
    (scratch / 'inputs').mkdir()
    (scratch / 'tmp').mkdir()
    for name, data in files.items():
        (scratch / 'inputs' / name).write_bytes(data)
    (scratch / 'inputs/recipe').chmod(0o755)
    memory = 'yes' if _available_memory() > MEMORY_TO_SPARE else ''
    environment = {**clean_environment(), 'memory': memory, 'variant': variant, 'packages': ','.join(packages),
                   'release': release, 'image': image, 'inputs': scratch / 'inputs', 'TMPDIR': scratch / 'tmp'}
    workspace.run(private(MMDEBSTRAP, pids=False), env=environment)
    shutil.rmtree(scratch)


def _usable_cache():
    """The directory in which images are kept, or None."""
    try:
        CACHE.mkdir(mode=0o755, exist_ok=True)
        return CACHE if os.access(CACHE, os.W_OK) and shutil.disk_usage(CACHE).free > ROOM_TO_SPARE else None
    except OSError:
        return None


def _keep(image, kept, old_pattern):
    """Puts an image into the cache, where it replaces those of other weeks. A full disk is no failure."""
    temporary = kept.with_name(f'.{kept.name}.{os.getpid()}')
    try:
        shutil.copyfile(image, temporary)
        for old in kept.parent.glob(old_pattern):
            old.unlink(missing_ok=True)
        temporary.rename(kept)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()


def unpack(workspace, kind, release, directory):
    """Unpacks an image into a new directory, and makes it first if need be."""
    key = _key(kind, release, _description(kind, release))
    kept = CACHE / f'{kind}-{release}-{key}.tar.zst'
    directory.mkdir()
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open(kept, 'rb'))
        except OSError:
            image = workspace.path / kept.name
            _make(workspace, kind, release, image)
            file = stack.enter_context(open(image, 'rb'))
            if _usable_cache():
                _keep(image, kept, f'{kind}-{release}-*')
            image.unlink()
        workspace.run(['tar', '--zstd', '-x', '-p', '--numeric-owner', '-C', directory], stdin=file)


def explain(error):
    """What a failed command printed at its end."""
    if isinstance(error, subprocess.CalledProcessError) and error.output:
        return '\n'.join(str(error.output).splitlines()[-30:])
    return ''
