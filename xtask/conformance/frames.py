"""Suite: abuse of HTTP/2 frames, written with the frame library under h2. A flood may be ended or endured: but after it a plain
request on a new connection has to be answered, and the memory of the gateway must not have grown by more than 64 MiB; what it cost is
told. Frames that RFC 9113 forbids must end the stream or the connection."""

import asyncio
import socket
import time
from pathlib import Path

import h2.config
import h2.connection
import h2.events
from hpack import Encoder
from hyperframe import frame as frames
from running import Result, free_port

NAME = "frames"
SUBJECTS = ("nginx", "haproxy", "envoy", "homeostat")
FLAVOUR = "plain"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ATTACK_S_MAX = 6.0
GROWN_MIB_MAX = 64.0
HEAD = [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/")]


def settings(values: dict[int, int] | None = None) -> bytes:
    return frames.SettingsFrame(0, settings=values or {}).serialize()


def headers(stream: int, fields=None, end_headers: bool = True, end_stream: bool = True, padding: bytes | None = None) -> bytes:
    # A new encoder for each: nothing is remembered between attacks.
    frame = frames.HeadersFrame(stream, data=padding if padding is not None else Encoder().encode(fields or HEAD))
    if end_headers:
        frame.flags.add("END_HEADERS")
    if end_stream:
        frame.flags.add("END_STREAM")
    return frame.serialize()


def continuation(stream: int, data: bytes, end: bool = False) -> bytes:
    frame = frames.ContinuationFrame(stream, data=data)
    if end:
        frame.flags.add("END_HEADERS")
    return frame.serialize()


def ping() -> bytes:
    return frames.PingFrame(0, opaque_data=b"12345678").serialize()


def window(stream: int, more: int) -> bytes:
    return frames.WindowUpdateFrame(stream, window_increment=more).serialize()


def data(stream: int, body: bytes, end: bool = False) -> bytes:
    frame = frames.DataFrame(stream, data=body)
    if end:
        frame.flags.add("END_STREAM")
    return frame.serialize()


def reset(stream: int) -> bytes:
    return frames.RstStreamFrame(stream, error_code=8).serialize()


def raw(length: int, kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return length.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


def field(name: bytes, value: bytes) -> bytes:
    """A field without compression, never indexed, so that anything can be in it."""
    return b"\x10" + bytes([len(name)]) + name + bytes([len(value)]) + value


def odd(count: int):
    return range(1, 2 * count, 2)


# What is sent, in pieces.
FLOODS = {
    "rapid reset, 20,000 streams": lambda: (headers(one) + reset(one) for one in odd(20_000)),
    "CONTINUATION flood, 20,000 frames": lambda: (headers(1, end_headers=False) if not place else continuation(1, field(b"x", b"y" * 100)) for place in range(20_000)),
    "CONTINUATION flood of empty frames": lambda: (headers(1, end_headers=False) if not place else continuation(1, b"") for place in range(20_000)),
    "SETTINGS flood, 50,000 frames": lambda: (settings() for _ in range(50_000)),
    "PING flood, 50,000 frames": lambda: (ping() for _ in range(50_000)),
    "empty DATA flood": lambda: (headers(1, end_stream=False) if not place else data(1, b"") for place in range(50_000)),
    "WINDOW_UPDATE flood": lambda: (window(0, 1) for _ in range(50_000)),
    "PRIORITY flood": lambda: (frames.PriorityFrame(one, depends_on=0, stream_weight=1).serialize() for one in odd(50_000)),
    "RST_STREAM for streams that never were": lambda: (reset(one) for one in odd(10_000)),
    "streams over the limit, 5,000 at once": lambda: (headers(one, end_stream=False) for one in odd(5_000)),
    "HPACK bomb: one large field, named 60,000 times": lambda: [headers(1, padding=b"".join([b"\x40\x01x\x7f\x81\x1e" + b"y" * 4000, b"\xbe" * 12_000])), *[continuation(1, b"\xbe" * 16_000)] * 3],
    "unknown frames, 50,000": lambda: (raw(4, 0xEE, 0, 0, b"abcd") for _ in range(50_000)),
}

# Frames that RFC 9113 forbids: the connection or the stream must be ended.
BREACHES = {
    "preface wrong": (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", False),
    "first frame no SETTINGS": (ping(), True),
    "frame over the size limit": (settings() + raw(70_000, 0, 0, 1, b"a" * 70_000), True),
    "HEADERS on stream 0": (settings() + raw(1, 1, 5, 0, b"\x82"), True),
    "HEADERS on an even stream": (settings() + headers(2), True),
    "HEADERS on an older stream": (settings() + headers(5) + headers(3), True),
    "DATA on stream 0": (settings() + raw(1, 0, 0, 0, b"a"), True),
    "DATA on a stream that never was": (settings() + raw(1, 0, 0, 1, b"a"), True),
    "DATA within a head": (settings() + headers(1, end_headers=False) + raw(1, 0, 0, 1, b"a"), True),
    "CONTINUATION of another stream": (settings() + headers(1, end_headers=False) + continuation(3, b"", True), True),
    "CONTINUATION without HEADERS": (settings() + continuation(1, b"", True), True),
    "SETTINGS with an odd length": (settings() + raw(5, 4, 0, 0, b"abcde"), True),
    "SETTINGS acknowledged with a body": (settings() + raw(6, 4, 1, 0, b"abcdef"), True),
    "SETTINGS on a stream": (settings() + raw(0, 4, 0, 1, b""), True),
    "SETTINGS with a window over 2^31": (settings({4: 0x80000000}), True),
    "SETTINGS with a frame size of 1": (settings({5: 1}), True),
    "SETTINGS with push 2": (settings({2: 2}), True),
    "PING of 7 bytes": (settings() + raw(7, 6, 0, 0, b"1234567"), True),
    "PING on a stream": (settings() + raw(8, 6, 0, 1, b"12345678"), True),
    "WINDOW_UPDATE of 0": (settings() + raw(4, 8, 0, 0, b"\0\0\0\0"), True),
    "WINDOW_UPDATE over 2^31": (settings() + window(0, 0x7FFFFFFF) * 2, True),
    "WINDOW_UPDATE of 3 bytes": (settings() + raw(3, 8, 0, 0, b"\0\0\1"), True),
    "RST_STREAM on stream 0": (settings() + raw(4, 3, 0, 0, b"\0\0\0\0"), True),
    "PUSH_PROMISE from a client": (settings() + headers(1, end_stream=False) + raw(5, 5, 4, 1, b"\0\0\0\2\x82"), True),
    "GOAWAY on a stream": (settings() + raw(8, 7, 0, 1, b"\0" * 8), True),
    "padding longer than the frame": (settings() + headers(1, end_stream=False) + raw(2, 0, 8, 1, b"\xffa"), True),
    "HPACK index 0": (settings() + headers(1, padding=b"\x80"), True),
    "HPACK index out of the table": (settings() + headers(1, padding=b"\xff\xff\xff\xff\x07"), True),
    "HPACK integer without an end": (settings() + headers(1, padding=b"\x7f" + b"\xff" * 20), True),
    "HPACK table larger than allowed": (settings() + headers(1, padding=b"\x3f\xff\xff\xff\x07\x82"), True),
    "HPACK Huffman padding wrong": (settings() + headers(1, padding=b"\x82\x86\x41\x81\x00"), True),
    "upper-case name": (settings() + headers(1, padding=Encoder().encode(HEAD) + field(b"X", b"y")), True),
    "connection field": (settings() + headers(1, padding=Encoder().encode(HEAD) + field(b"connection", b"close")), True),
    "trailers with a pseudo-header": (settings() + headers(1, end_stream=False) + headers(1, [(":path", "/x")]), True),
    "trailers without the end": (settings() + headers(1, end_stream=False) + headers(1, [("x", "y")], end_stream=False), True),
    "HEADERS after the end": (settings() + headers(1) + headers(1), True),
    "stream depends on itself": (settings() + raw(5, 2, 0, 1, b"\0\0\0\1\x10"), True),
}

# RFC 9113 took priorities out, and with them the rule that RFC 7540 had for this; whoever reads them still may end the stream.
TOLERABLE = {"stream depends on itself"}


def memory_mib(pid: int) -> float:
    """Of the process and its children."""
    total = 0.0
    for one in [pid, *children(pid)]:
        for line in (Path(f"/proc/{one}/status")).read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) / 1024
    return total


def cpu_s(pid: int) -> float:
    """Of the process and its children, user and system."""
    ticks = 0
    for one in [pid, *children(pid)]:
        ticks += sum(int(word) for word in Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()[11:13])
    return ticks / 100


def children(pid: int) -> list[int]:
    found = []
    for one in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in one.read_text().split():
            found += [int(child), *children(int(child))]
    return found


def plain_request(port: int) -> bool:
    """Whether somebody else is still served."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
            connection.initiate_connection()
            connection.send_headers(1, HEAD, end_stream=True)
            link.sendall(connection.data_to_send())
            while came := link.recv(65536):
                for event in connection.receive_data(came):
                    if isinstance(event, h2.events.ResponseReceived):
                        return dict(event.headers)[b":status"] == b"200"
                link.sendall(connection.data_to_send())
    except OSError:
        pass
    return False


def attack(port: int, pieces) -> tuple[bool, bool, int]:
    """Sends the pieces until the gateway has had enough; whether it ended the connection, or a stream, and how many it took."""
    sent, came = 0, b""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as link:
        end = time.monotonic() + ATTACK_S_MAX
        try:
            batch = b""
            for piece in pieces:
                batch += piece
                sent += 1
                if len(batch) > 8192:
                    link.sendall(batch)
                    batch = b""
                    # What it answers is read now and then, so that nobody can say it was the client who blocked.
                    link.setblocking(False)
                    try:
                        came += link.recv(1 << 20)
                    except BlockingIOError:
                        pass
                    link.setblocking(True)
                    link.settimeout(2)
                if time.monotonic() > end:
                    break
            link.sendall(batch)
            while time.monotonic() < end:
                got = link.recv(1 << 20)
                if not got:
                    return True, has_reset(came), sent
                came += got
                if has_frame(came, 7):
                    return True, has_reset(came), sent
        except TimeoutError:
            return has_frame(came, 7), has_reset(came), sent
        except OSError:
            return True, has_reset(came), sent
    return has_frame(came, 7), has_reset(came), sent


def kinds(came: bytes):
    at = 0
    while at + 9 <= len(came):
        yield came[at + 3], came[at + 9 : at + 9 + int.from_bytes(came[at : at + 3], "big")]
        at += 9 + int.from_bytes(came[at : at + 3], "big")


def has_frame(came: bytes, kind: int) -> bool:
    return any(one == kind for one, _ in kinds(came))


def has_reset(came: bytes) -> bool:
    return has_frame(came, 3)


def answered_400(came: bytes) -> bool:
    return any(kind == 1 and body[:1] == b"\x8c" for kind, body in kinds(came))


async def origin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says 200 to whatever it is asked."""
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError, asyncio.CancelledError):
        pass
    finally:
        writer.close()


def try_all(gateway) -> list[Result]:
    results = []
    if not plain_request(gateway.h2_port):
        return [Result("plain request", False, "fail", "not answered with a 200: nothing else would mean anything")]
    for name, pieces in FLOODS.items():
        before, cpu = memory_mib(gateway.pid), cpu_s(gateway.pid)
        began = time.monotonic()
        ended, _, sent = attack(gateway.h2_port, (piece if place else PREFACE + settings() + piece for place, piece in enumerate(pieces())))
        grown = memory_mib(gateway.pid) - before
        served = plain_request(gateway.h2_port)
        ok = served and grown < GROWN_MIB_MAX
        cost = f"{grown:+.1f} MiB, {cpu_s(gateway.pid) - cpu:.2f} s of CPU"
        said = f"after {time.monotonic() - began:.1f} s, others {'served' if served else 'NOT served'}, {cost}"
        results.append(Result(name, ok, "ended" if ended else "endured", said))
    for name, (bytes_, with_preface) in BREACHES.items():
        ended, stopped, _ = attack(gateway.h2_port, [(PREFACE if with_preface else b"") + bytes_])
        served = plain_request(gateway.h2_port)
        ok = served and (ended or stopped or name in TOLERABLE)
        results.append(Result(name, ok, "ended" if ended else "reset" if stopped else "tolerated", "" if served else "others NOT served"))
    return results


def run(subject) -> list[Result]:
    async def serve() -> list[Result]:
        port = free_port()
        server = await asyncio.start_server(origin, "127.0.0.1", port)
        async with server:
            with subject(FLAVOUR, port) as gateway:
                return await asyncio.to_thread(try_all, gateway)

    return asyncio.run(serve())
