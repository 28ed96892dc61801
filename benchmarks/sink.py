"""An SMTP server that swallows: so fast that a benchmark measures the sender. Prints its port, ends with SIGTERM."""

from __future__ import annotations

import asyncio
import signal


class Sink(asyncio.Protocol):
    """One connection: answers each command, swallows each content, offers pipelining."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = bytearray()
        self.in_data = False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer all that is complete, in one write."""
        self.buffer += data
        answers: list[bytes] = []
        while True:
            if self.in_data:
                # the end may straddle two reads, so look from the start of what is left
                end = self.buffer.find(b"\r\n.\r\n")
                if end < 0:
                    del self.buffer[: max(0, len(self.buffer) - 4)]
                    break
                del self.buffer[: end + 5]
                self.in_data = False
                answers.append(b"250 2.0.0 OK\r\n")
                continue
            end = self.buffer.find(b"\r\n")
            if end < 0:
                break
            command = bytes(self.buffer[:4]).upper()
            del self.buffer[: end + 2]
            if command == b"DATA":
                self.in_data = True
                answers.append(b"354 go on\r\n")
            elif command == b"EHLO":
                answers.append(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif command == b"QUIT":
                answers.append(b"221 bye\r\n")
                self.transport.write(b"".join(answers))
                self.transport.close()
                return
            else:
                answers.append(b"250 2.0.0 OK\r\n")
        if answers:
            self.transport.write(b"".join(answers))


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0)
    done = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    print(server.sockets[0].getsockname()[1], flush=True)
    await done.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
