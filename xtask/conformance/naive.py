"""A gateway that is wrong on purpose: it knows Content-Length alone, passes on every byte of a head as it came, and keeps connections
to the origin. The smuggling suite has to find it out: a suite that never finds anything would prove nothing."""

import asyncio
import re
import sys

LENGTH = re.compile(rb"^content-length:\s*(\d+)", re.IGNORECASE | re.MULTILINE)
KEPT: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []


async def message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            request = await message(reader)
            link = KEPT.pop() if KEPT else await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
            link[1].write(request)
            writer.write(await asyncio.wait_for(message(link[0]), 2.0))
            KEPT.append(link)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError, OSError):
        writer.close()


async def main() -> None:
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()


asyncio.run(main())
