# SPDX-License-Identifier: LGPL-2.1-or-later
"""A varlink client, also as another user."""

import json
import os
import select
import socket

from processes import become
from support import PATIENCE

INTERFACE = 'io.corral.Jobs'


class Refused(Exception):
    """An error reply. name is without the prefix of the interface."""

    def __init__(self, name, parameters):
        super().__init__(f'{name} {json.dumps(parameters)}')
        self.name = name.removeprefix(INTERFACE + '.')
        self.parameters = parameters


def expect(error, function, *arguments, **keywords):
    """Calls function, which must be refused with the error. Returns the parameters of the error."""
    try:
        result = function(*arguments, **keywords)
    except Refused as refused:
        assert refused.name == error, f'{refused} instead of {error}'
        return refused.parameters
    raise AssertionError(f'{error} was expected, not {result}')


def connect(path, user=None, groups=()):
    """A connected socket. The kernel notes the user at the moment of connect(2): a child does it and hands it over."""
    if user is None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(path)
        return connection
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pid = os.fork()
        if pid == 0:
            try:
                become(user, groups)
                with connect(path) as connection:
                    socket.send_fds(theirs, [b'x'], [connection.fileno()])
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        if status != 0:
            raise ConnectionRefusedError(f'{user} cannot connect to {path}')
        _, fds, _, _ = socket.recv_fds(ours, 1, 1)
        return socket.socket(fileno=fds[0])


class Client:
    """A varlink connection. Every wait is bounded by PATIENCE."""

    def __init__(self, path, user=None, groups=()):
        self.socket = connect(path, user, groups)
        self.socket.settimeout(PATIENCE)
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send(self, method, more=False, oneway=False, **parameters):
        message = {'method': method if '.' in method else f'{INTERFACE}.{method}', 'parameters': parameters}
        if more:
            message['more'] = True
        if oneway:
            message['oneway'] = True
        self.send_bytes(json.dumps(message, ensure_ascii=False).encode() + b'\0')

    def receive_raw(self):
        """The next message as it came, or None when the agent closed the connection."""
        while (end := self.buffer.find(b'\0')) < 0:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                data = b''
            if not data:
                return None
            self.buffer += data
        message = json.loads(self.buffer[:end])
        del self.buffer[:end + 1]
        return message

    def receive(self):
        """The parameters of the next reply and whether more follow; an error is raised."""
        message = self.receive_raw()
        if message is None:
            raise ConnectionResetError('the agent closed the connection')
        if 'error' in message:
            raise Refused(message['error'], message.get('parameters') or {})
        return message.get('parameters') or {}, message.get('continues', False)

    def ready(self, timeout=0):
        """Whether a reply, or the end of the connection, is there."""
        return b'\0' in self.buffer or bool(select.select([self.socket], [], [], timeout)[0])

    def call(self, method, **parameters):
        self.send(method, **parameters)
        reply, continues = self.receive()
        assert not continues
        return reply

    def stream(self, method, **parameters):
        """All replies of a call with more."""
        self.send(method, more=True, **parameters)
        continues = True
        while continues:
            reply, continues = self.receive()
            yield reply

    def listed(self, method, field, **parameters):
        """The values of one field of all replies of a call with more: replies without it are left out."""
        return [reply[field] for reply in self.stream(method, **parameters) if reply.get(field) is not None]
