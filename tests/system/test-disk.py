#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests disk.py: what was flushed is there after the end, and of what was not, any sector may be lost."""
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import disk

SIZE = 1 << 20
PATIENCE = 60


class Client:
    """The other end, as QEMU is one."""

    def __init__(self, path):
        directory = tempfile.TemporaryDirectory()
        with directory, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f'{directory.name}/socket')
            listener.listen()
            self.server = subprocess.Popen([sys.executable, disk.__file__, path], stdin=listener,
                                           stdout=subprocess.PIPE)
            self.connection = socket.socket(socket.AF_UNIX)
            self.connection.settimeout(PATIENCE)
            self.connection.connect(f'{directory.name}/socket')
        self.file = self.connection.makefile('rb')
        assert self.file.read(18)[:16] == b'NBDMAGICIHAVEOPT'
        # First an option that it does not know.
        self.connection.sendall(struct.pack('>I8sII8sIIIH', 3, b'IHAVEOPT', 8, 0, b'IHAVEOPT', 7, 6, 0, 0))
        assert struct.unpack('>QIII', self.file.read(20))[2] == disk.UNSUPPORTED
        assert struct.unpack('>QIII', self.file.read(20))[2:] == (disk.INFO, 12)
        self.size = struct.unpack('>HQH', self.file.read(12))[1]
        assert struct.unpack('>QIII', self.file.read(20))[2:] == (disk.ACK, 0)

    def ask(self, command, offset=0, length=0, data=b'', flags=0):
        """Sends a request; returns the error and what was read."""
        head = struct.pack('>IHHQQI', disk.REQUEST_MAGIC, flags, command, 7, offset, length or len(data))
        self.connection.sendall(head + data)
        magic, error, handle = struct.unpack('>IIQ', self.file.read(16))
        assert (magic, handle) == (disk.SIMPLE_REPLY_MAGIC, 7)
        return error, self.file.read(length if command == disk.READ else 0)

    def end(self):
        """Ends the connection as the death of QEMU does; returns what the disk reports."""
        self.file.close()
        self.connection.close()
        return json.loads(self.server.communicate(timeout=PATIENCE)[0])


class Losing(unittest.TestCase):
    """The cache."""

    def setUp(self):
        handle, name = tempfile.mkstemp()
        self.addCleanup(os.unlink, name)
        os.ftruncate(handle, SIZE)
        os.close(handle)
        self.path = Path(name)

    def test_over_the_wire(self):
        client = Client(self.path)
        self.assertEqual(client.size, SIZE)
        client.ask(disk.WRITE, 0, data=b'a' * 1024)
        client.ask(disk.FLUSH)
        client.ask(disk.WRITE, 2048, data=b'b' * 512, flags=disk.FUA)
        client.ask(disk.WRITE, 0, data=b'c' * 512)
        client.ask(disk.WRITE_ZEROES, 2048, length=512)
        self.assertEqual(client.ask(disk.READ, 0, length=1024), (0, b'c' * 512 + b'a' * 512))
        self.assertEqual(client.ask(disk.READ, 2048, length=512), (0, bytes(512)))
        self.assertEqual(client.ask(99)[0], disk.IO_ERROR)
        report = client.end()
        self.assertEqual((report['written'], report['flushes'], report['unflushed']), (5, 2, 2))
        data = self.path.read_bytes()
        self.assertIn(data[:512], (b'a' * 512, b'c' * 512))
        self.assertEqual(data[512:1024], b'a' * 512)
        self.assertIn(data[2048:2560], (b'b' * 512, bytes(512)))

    def test_nobody_comes(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            server = subprocess.run([sys.executable, disk.__file__, self.path], stdin=theirs, timeout=PATIENCE,
                                    stdout=subprocess.PIPE, check=True)
        self.assertEqual(json.loads(server.stdout)['lost'], 0)

    def test_any_sector_may_be_lost_and_none_that_was_flushed(self):
        seen = set()
        for _ in range(2000):  # the rarest outcome comes once in 48
            one = disk.Disk(self.path)
            one.write(0, b'old!' * 384)
            one.flush()
            one.write(512, b'new!' * 128)
            one.write(0, b'New!' * 256)
            unflushed, lost = one.lose()
            os.close(one.fd)
            data = self.path.read_bytes()
            sectors = tuple(data[start:start + 4].decode() for start in (0, 512, 1024))
            seen.add(sectors)
            self.assertEqual(unflushed, 3)
            self.assertEqual(lost == 3, sectors == ('old!', 'old!', 'old!'))
            self.assertEqual(sectors[2], 'old!')
        # All of what a disk can make of it that orders its writes as it likes.
        self.assertEqual(seen, {(first, second, 'old!') for first in ('old!', 'New!')
                                for second in ('old!', 'new!', 'New!')})


if __name__ == '__main__':
    unittest.main()
