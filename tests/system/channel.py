# SPDX-License-Identifier: LGPL-2.1-or-later
"""The line to a guest's exec-server: commands with their input, output and exit status, many at once."""

import base64
import json
import socket
import struct
import threading

SEND_SECONDS = 60


class Gone(Exception):
    """The guest is not there any more, or has not come."""


class Failed(AssertionError):
    """A command did not do what it should."""


class Result:
    """What a command that has ended has left."""

    def __init__(self, command, status, stdout, stderr):
        self.command, self.status, self.stdout, self.stderr = command, status, stdout, stderr

    @property
    def text(self):
        """What it wrote to its standard output."""
        return self.stdout.decode(errors='replace')

    def __str__(self):
        output = (self.stdout + self.stderr).decode(errors='replace')
        return f'{self.command}\nexit status {self.status}, output:\n{output}'


class Command:
    """A command in a guest."""

    def __init__(self, channel, number, name, listener=None):
        self._channel, self._number, self.name, self._listener = channel, number, name, listener
        self._pieces = {'out': [], 'err': []}
        self._status = None
        self._over = threading.Event()

    def take(self, message):
        """Of the channel: something came from the command."""
        for name, pieces in self._pieces.items():
            if name in message:
                pieces.append(base64.b64decode(message[name]))
        if self._listener and 'out' in message:
            self._listener(self, self._pieces['out'].pop())
        if 'exit' in message:
            self._status = message['exit']
            self._over.set()

    def lose(self):
        """Of the channel: nothing will come any more."""
        self._over.set()

    def write(self, data):
        """Writes to its standard input."""
        for start in range(0, len(data), 32768):
            piece = base64.b64encode(data[start:start + 32768]).decode()
            self._channel.send({'id': self._number, 'in': piece})

    def end_input(self):
        self._channel.send({'id': self._number, 'in': None})

    def signal(self, signo):
        """Sends a signal to its process group."""
        self._channel.send({'id': self._number, 'signal': int(signo)})

    def output(self):
        """What it has written to its standard output so far."""
        return b''.join(self._pieces['out'])

    def is_over(self):
        return self._over.is_set()

    def wait(self, timeout):
        """Waits for its end, returns a Result."""
        if not self._over.wait(timeout):
            self.signal(9)
            raise Failed(f'not over within {timeout} s: {self.name}')
        if self._status is None:
            raise Gone(f'the machine ended before: {self.name}')
        return Result(self.name, self._status, *(b''.join(self._pieces[name]) for name in ('out', 'err')))


class Channel:
    """The tests' end of the line. The guest, or its QEMU, connects to the socket."""

    def __init__(self, path):
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._connection = None
        self._commands = {}
        self._last = 0
        self._lock = threading.Lock()
        self._greeted = threading.Event()
        self._closed = False
        threading.Thread(target=self._read, daemon=True).start()

    def ask_for_greeting(self, timeout):
        """Waits until the guest says that it can be told what to do; whether it does.

        It does so by itself when it has booted; one that goes on where another left off does when it is asked.
        """
        try:
            self.send({'id': 0, 'hello': None})
        except Gone:
            pass
        return self._greeted.wait(timeout)

    def start(self, arguments, name, listener=None):
        """Starts a command. What it writes to its standard output goes to listener(command, data) at once, if there is
        one: by the thread that reads, before anything else is read."""
        with self._lock:
            self._last += 1
            number = self._last
            command = self._commands[number] = Command(self, number, name, listener)
        self.send({'id': number, 'run': arguments})
        return command

    def send(self, message):
        data = json.dumps(message).encode() + b'\n'
        with self._lock:
            if not self._connection:
                raise Gone('the machine is not connected')
            try:
                self._connection.sendall(data)
            except OSError as error:
                raise Gone(f'the machine is not connected: {error}') from error

    def close(self):
        with self._lock:
            self._closed = True
        for end in (self._listener, self._connection):
            if end:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                end.close()

    def _read(self):
        """The thread that reads."""
        while not self._closed:
            try:
                connection, _ = self._listener.accept()
                # A machine that stands still must not stop the tests.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', SEND_SECONDS, 0))
                self._connection = connection
                for line in self._connection.makefile('rb'):
                    self._take(json.loads(line))
            except OSError:
                pass
            self._lose_all()

    def _take(self, message):
        if 'hello' in message:
            if message['hello'] == 'new':
                self._lose_all()  # what an earlier server was running is gone
            self._greeted.set()
        else:
            with self._lock:
                command = self._commands.get(message['id'])
                if 'exit' in message:
                    self._commands.pop(message['id'], None)
            if command:
                command.take(message)

    def _lose_all(self):
        with self._lock:
            self._greeted.clear()
            lost, self._commands = list(self._commands.values()), {}
        for command in lost:
            command.lose()
