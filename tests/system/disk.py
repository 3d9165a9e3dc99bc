#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The disk of a virtual machine, with a cache that loses its contents when the power goes.

    disk.py FILE

QEMU connects to the listening socket that is standard input, and speaks NBD. A file that QEMU writes to by itself is no
disk in a power cut: what the guest has written and never flushed outlives QEMU, and in the order in which it was
written. Here it is in a cache until the guest flushes. When the connection ends, what is in the cache is lost: all of
it, or any of its sectors, as disks do that write in an order of their own. Then it is told on standard output:
{"written": N, "flushes": N, "unflushed": N, "lost": N}, where the last two are sectors.
"""

import json
import os
import random
import socket
import struct
import sys

SECTOR = 512  # what is written as a whole or not at all

# https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
MAGIC, OPTIONS_MAGIC, REPLY_MAGIC = b'NBDMAGIC', b'IHAVEOPT', 0x3e889045565a9
FIXED_NEWSTYLE, NO_ZEROES = 1, 2
OPTION_ABORT, OPTION_GO = 2, 7
ACK, INFO, UNSUPPORTED = 1, 3, 1 << 31 | 1
HAS_FLAGS, SEND_FLUSH, SEND_FUA, SEND_WRITE_ZEROES = 1, 4, 8, 64
REQUEST_MAGIC, SIMPLE_REPLY_MAGIC = 0x25609513, 0x67446698
READ, WRITE, DISCONNECT, FLUSH, WRITE_ZEROES = 0, 1, 2, 3, 6
FUA = 1
IO_ERROR = 5
ZEROES_MAX = 1 << 20


class Disk:
    """The file has the newest contents; what was there before, and may be again, is remembered until a flush."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.size = os.fstat(self.fd).st_size
        self.unflushed = []  # (offset, before, after), in order
        self.written = self.flushes = 0

    def read(self, offset, length):
        data = os.pread(self.fd, length, offset)
        assert len(data) == length, 'beyond the end of the disk'
        return data

    def write(self, offset, data):
        self.unflushed.append((offset, self.read(offset, len(data)), data))
        self.store(offset, data)
        self.written += len(data) // SECTOR

    def zero(self, offset, length):
        while length > 0:
            piece = min(length, ZEROES_MAX)
            self.write(offset, bytes(piece))
            offset, length = offset + piece, length - piece

    def store(self, offset, data):
        assert os.pwrite(self.fd, data, offset) == len(data)

    def flush(self):
        # Also of writes that were not answered yet when it was asked for: more than a disk has to do.
        self.unflushed.clear()
        self.flushes += 1

    def lose(self):
        """The power goes. Returns how many sectors were in the cache, and how many of them are lost."""
        kept = random.choice([0, 0, 1, random.random()])  # the chance of a sector
        n_unflushed = n_lost = 0
        for offset, before, _ in reversed(self.unflushed):
            self.store(offset, before)
        for offset, _, after in self.unflushed:
            for start in range(0, len(after), SECTOR):
                n_unflushed += 1
                if random.random() < kept:
                    self.store(offset + start, after[start:start + SECTOR])
                else:
                    n_lost += 1
        self.unflushed.clear()
        return n_unflushed, n_lost


class Server:
    """One connection."""

    def __init__(self, connection, disk):
        self.connection, self.disk = connection, disk
        self.file = connection.makefile('rb', buffering=1 << 20)

    def take(self, form):
        data = self.take_bytes(struct.calcsize(form))
        return struct.unpack(form, data)

    def take_bytes(self, length):
        data = self.file.read(length)
        if len(data) < length:
            raise EOFError
        return data

    def send(self, form, *values, data=b''):
        self.connection.sendall(struct.pack(form, *values) + data)

    def negotiate(self):
        """Whether the client goes on to use the disk."""
        self.send('>8s8sH', MAGIC, OPTIONS_MAGIC, FIXED_NEWSTYLE | NO_ZEROES)
        self.take('>I')
        while True:
            _, option, length = self.take('>8sII')
            self.take_bytes(length)

            def answer(kind, data=b'', option=option):
                self.send('>QIII', REPLY_MAGIC, option, kind, len(data), data=data)

            if option == OPTION_GO:
                flags = HAS_FLAGS | SEND_FLUSH | SEND_FUA | SEND_WRITE_ZEROES
                answer(INFO, struct.pack('>HQH', 0, self.disk.size, flags))
                answer(ACK)
                return True
            answer(ACK if option == OPTION_ABORT else UNSUPPORTED)
            if option == OPTION_ABORT:
                return False

    def serve(self):
        """Until the connection ends."""
        while True:
            magic, flags, command, handle, offset, length = self.take('>IHHQQI')
            assert magic == REQUEST_MAGIC
            data = self.take_bytes(length) if command == WRITE else b''
            answer, error = b'', 0
            if command == READ:
                answer = self.disk.read(offset, length)
            elif command == WRITE:
                self.disk.write(offset, data)
            elif command == WRITE_ZEROES:
                self.disk.zero(offset, length)
            elif command == FLUSH:
                self.disk.flush()
            elif command == DISCONNECT:
                return
            else:
                error = IO_ERROR
            if flags & FUA:
                self.disk.flush()
            self.send('>IIQ', SIMPLE_REPLY_MAGIC, error, handle, data=answer)


def main():
    disk = Disk(sys.argv[1])
    listener = socket.socket(fileno=0)
    try:
        server = Server(listener.accept()[0], disk)
        if server.negotiate():
            server.serve()
    except (EOFError, OSError):
        pass  # the machine has gone, or has never come
    unflushed, lost = disk.lose()
    print(json.dumps({'written': disk.written, 'flushes': disk.flushes, 'unflushed': unflushed, 'lost': lost}))


if __name__ == '__main__':
    main()
