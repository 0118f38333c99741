"""Suite: WebSocket through a gateway, client and server by `websockets`, both as they come: text and binary, fragments, pings, close
codes both ways, 16 MiB both ways, silence, many at once, subprotocols, and a refused handshake."""

import asyncio
import http
import logging

import websockets
from running import Result, free_port
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

NAME = "websocket"
SUBJECTS = ("nginx", "haproxy", "envoy", "homeostat")
FLAVOUR = "plain"
LARGE_BYTES = 16 * 1024 * 1024
TEST_S_MAX = 40.0
SILENCE_S = 12.0


async def answer(link) -> None:
    path = link.request.path
    if path == "/close":
        await link.close(4001, "as you wish")
    elif path == "/drop":
        link.transport.abort()
    elif path == "/speak":
        for number in range(100):
            await link.send(f"{number}")
        await link.close()
    elif path == "/ping":
        await (await link.ping(b"are you there"))
        await link.send("you are")
    else:
        async for message in link:
            if path == "/pieces":
                half = len(message) // 2
                await link.send([message[:half], message[half:]])
            else:
                await link.send(message)


def refuse(link, request):
    return link.respond(http.HTTPStatus.FORBIDDEN, "no\n") if request.path == "/refused" else None


# Connections that end badly are what is tried here; the library would tell of each.
logging.getLogger("websockets").setLevel(logging.CRITICAL)


def choose(link, offered):
    return "a" if "a" in offered else None


async def echo_text(at):
    async with at("/") as link:
        for text in ["", "hello", "ñ 漢字 🙂", "a" * 100_000]:
            await link.send(text)
            assert await link.recv() == text


async def echo_binary(at):
    async with at("/") as link:
        for body in [b"", bytes(range(256)), b"\0" * 125, b"\1" * 126, b"\2" * 65535, b"\3" * 65536]:
            await link.send(body)
            assert await link.recv() == body


async def fragments_up(at):
    async with at("/") as link:
        await link.send([b"a", b"", b"bc", b"d" * 70_000])
        assert await link.recv() == b"abc" + b"d" * 70_000


async def fragments_down(at):
    async with at("/pieces") as link:
        await link.send("hello world")
        pieces = [piece async for piece in link.recv_streaming()]
        # The library ends a message in pieces with an empty one.
        assert [piece for piece in pieces if piece] == ["hello", " world"], pieces


async def ping_from_client(at):
    async with at("/") as link:
        await asyncio.wait_for(await link.ping(b"x"), 5)


async def ping_from_server(at):
    async with at("/ping") as link:
        assert await link.recv() == "you are"


async def large_up_and_down(at):
    body = bytes(range(256)) * (LARGE_BYTES // 256)
    async with at("/") as link:
        await link.send(body)
        assert await link.recv() == body


async def close_from_client(at):
    async with at("/") as link:
        await link.close(4002, "enough")
        assert (link.close_code, link.close_reason) == (4002, "enough"), (link.close_code, link.close_reason)


async def close_from_server(at):
    async with at("/close") as link:
        try:
            await link.recv()
            raise AssertionError("the server did not close")
        except websockets.ConnectionClosed as closed:
            assert (closed.rcvd.code, closed.rcvd.reason) == (4001, "as you wish"), closed.rcvd


async def drop_from_server(at):
    async with at("/drop") as link:
        try:
            await link.recv()
            raise AssertionError("the server did not go")
        except websockets.ConnectionClosedError as closed:
            assert closed.rcvd is None


async def server_speaks_first(at):
    async with at("/speak") as link:
        assert [message async for message in link] == [f"{number}" for number in range(100)]


async def silence(at):
    async with at("/") as link:
        await asyncio.sleep(SILENCE_S)
        await link.send("still here")
        assert await link.recv() == "still here"


async def hundred_at_once(at):
    async def one(number):
        async with at("/") as link:
            await link.send(f"{number}")
            assert await link.recv() == f"{number}"

    await asyncio.gather(*(one(number) for number in range(100)))


async def subprotocol(at):
    async with at("/", subprotocols=["b", "a"]) as link:
        assert link.subprotocol == "a", link.subprotocol


async def compressed(at):
    async with at("/", compression="deflate") as link:
        await link.send("a" * 100_000)
        assert await link.recv() == "a" * 100_000


async def refused(at):
    try:
        async with at("/refused"):
            raise AssertionError("it was let in")
    except websockets.InvalidStatus as failed:
        assert failed.response.status_code == 403, failed.response.status_code


async def half_of_a_frame_then_gone(at):
    """The client is gone in the middle of a frame: the next one is served all the same."""
    async with at("/") as link:
        link.transport.write(b"\x82\xfe\xff\xff")
        link.transport.abort()
    await echo_text(at)


TESTS = (echo_text, echo_binary, fragments_up, fragments_down, ping_from_client, ping_from_server, large_up_and_down, close_from_client,
         close_from_server, drop_from_server, server_speaks_first, hundred_at_once, subprotocol, compressed, refused,
         half_of_a_frame_then_gone, silence)


async def all_tests(subject) -> list[Result]:
    results, port = [], free_port()
    limits = {"max_size": 2 * LARGE_BYTES, "ping_interval": None, "close_timeout": 5}
    async with serve(answer, "127.0.0.1", port, process_request=refuse, select_subprotocol=choose, **limits):
        # Starting and ending the gateway blocks: not in this loop, which is the origin too.
        context = subject(FLAVOUR, port)
        gateway = await asyncio.to_thread(context.__enter__)
        try:
            for test in TESTS:
                def at(path, **rest):
                    return connect(f"ws://127.0.0.1:{gateway.port}{path}", **({"compression": None} | limits | rest))

                try:
                    await asyncio.wait_for(test(at), TEST_S_MAX)
                    results.append(Result(test.__name__, True, "pass"))
                except (AssertionError, OSError, asyncio.TimeoutError, websockets.WebSocketException) as failed:
                    results.append(Result(test.__name__, False, "fail", repr(failed)))
        finally:
            await asyncio.to_thread(context.__exit__, None, None, None)
    return results


def run(subject) -> list[Result]:
    return asyncio.run(all_tests(subject))
