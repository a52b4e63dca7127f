"""Messages over a Unix socket: bytes, and descriptors of files beside them."""

from __future__ import annotations

import array
import os
import select
import socket
import struct
from collections import deque
from collections.abc import Callable

_HEADER = struct.Struct("<QI")  # bytes of the message, descriptors that come with it
_PIECE = 1 << 16
_MOST_DESCRIPTORS = 64  # in one message; an arena that doubles never makes as many
_ASK_EVERY = 5.0  # seconds
_CLOSE_ON_EXEC = int(getattr(socket, "MSG_CMSG_CLOEXEC", 0))  # plain numbers: enums are slow to join
_NO_SIGNAL = int(getattr(socket, "MSG_NOSIGNAL", 0))
_NO_WAIT = int(socket.MSG_DONTWAIT)

Message = tuple[bytes, list[int]]


class Channel:
    """One end. The main process never waits in ``post``; a worker waits in ``send`` and ``receive``."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self.closed = False  # the other end is gone
        self._outgoing: deque[tuple[memoryview, list[int]]] = deque()
        self._bytes = bytearray()
        self._descriptors: list[int] = []

    def fileno(self) -> int:
        return self.socket.fileno()

    # --- without waiting ------------------------------------------------------------------------------------------

    def post(self, data: bytes, descriptors: list[int] | None = None) -> None:
        """Send now what the socket takes, the rest in later calls of ``flush``."""
        self._outgoing.append((memoryview(_HEADER.pack(len(data), len(descriptors or ())) + data), descriptors or []))
        self.flush()

    @property
    def pending(self) -> bool:
        return bool(self._outgoing)

    def flush(self) -> None:
        while self._outgoing:
            data, descriptors = self._outgoing[0]
            try:
                sent = self._send(data, descriptors, _NO_WAIT)
            except BlockingIOError:
                return
            except (BrokenPipeError, ConnectionResetError):
                self._outgoing.clear()  # reading will find the end, behind what the worker sent before it died
                return
            if sent == len(data):
                self._outgoing.popleft()
            else:
                self._outgoing[0] = data[sent:], []

    def collect(self) -> list[Message]:
        """The messages that have arrived."""
        while not self.closed:
            try:
                if not self._read(_NO_WAIT):
                    break
            except BlockingIOError:
                break
        messages = []
        while (message := self._complete()) is not None:
            messages.append(message)
        return messages

    # --- with waiting ---------------------------------------------------------------------------------------------

    def send(self, data: bytes, descriptors: list[int]) -> None:
        """Send a message; descriptors are closed once they are sent."""
        whole = memoryview(_HEADER.pack(len(data), len(descriptors)) + data)
        sent = self._send(whole, descriptors, 0)
        for descriptor in descriptors:
            os.close(descriptor)
        if sent < len(whole):
            self.socket.sendall(whole[sent:])

    def receive(self, goes_on: Callable[[], bool]) -> Message | None:
        """The next message; None when the other end is gone, or ``goes_on()``, asked now and then, is false."""
        while (message := self._complete()) is None:
            while not wait([self], _ASK_EVERY):
                if not goes_on():
                    return None
            if self.closed or not self._read(0):
                return None
        return message

    # --- both -----------------------------------------------------------------------------------------------------

    def _send(self, data: memoryview, descriptors: list[int], flags: int) -> int:
        if not descriptors:
            return self.socket.send(data, flags | _NO_SIGNAL)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        return self.socket.sendmsg([data], rights, flags | _NO_SIGNAL)

    def _read(self, flags: int) -> bool:
        """Take one piece from the socket; False, and ``closed``, at its end."""
        space = socket.CMSG_LEN(_MOST_DESCRIPTORS * array.array("i").itemsize)
        try:
            data, ancillary, _, _ = self.socket.recvmsg(_PIECE, space, flags | _CLOSE_ON_EXEC)
        except ConnectionResetError:
            data, ancillary = b"", []
        for _, _, rights in ancillary:
            received = array.array("i")
            received.frombytes(rights[: len(rights) - len(rights) % received.itemsize])
            self._descriptors.extend(received)
        self._bytes += data
        self.closed = self.closed or not data
        return bool(data)

    def _complete(self) -> Message | None:
        if len(self._bytes) < _HEADER.size:
            return None
        size, count = _HEADER.unpack_from(self._bytes)
        if len(self._bytes) < _HEADER.size + size:
            return None
        data = bytes(self._bytes[_HEADER.size : _HEADER.size + size])
        del self._bytes[: _HEADER.size + size]
        descriptors, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        return data, descriptors

    def close(self) -> None:
        """Close this end, and descriptors that came with messages nobody took."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()
        self.closed = True
        self.socket.close()


def wait(channels: list[Channel], seconds: float | None) -> bool:
    """Wait until one of the channels has news or takes what it could not send; False after ``seconds``."""
    poller = select.poll()
    for channel in channels:
        poller.register(channel.fileno(), select.POLLIN | (select.POLLOUT if channel.pending else 0))
    return bool(poller.poll(None if seconds is None else seconds * 1000))
