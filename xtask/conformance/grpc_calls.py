"""Suite: gRPC through a gateway, client and server by grpcio, both as they come: unary calls, the three kinds of streams, trailers,
errors without a body, deadlines, cancelling, messages of 4 MB, many calls at once."""

import threading
import time
from concurrent import futures

import grpc
from running import Result, free_port

NAME = "grpc"
SUBJECTS = ("nginx", "haproxy", "envoy", "homeostat")
FLAVOUR = "grpc"
LARGE_BYTES = 4 * 1000 * 1000
CALL_S_MAX = 20.0
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Server:
    """What the calls reach."""

    def __init__(self):
        self.cancelled = threading.Event()
        self.began = threading.Event()

    def unary(self, request, context):
        context.send_initial_metadata([("x-first", "1")])
        context.set_trailing_metadata([("x-last", "2"), ("x-bytes-bin", b"\x00\xff")])
        return request

    def status_only(self, request, context):
        context.set_trailing_metadata([("x-last", "2")])
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no: ñ, % and more")

    def down(self, request, context):
        for number in range(int(request)):
            yield b"%d" % number
        context.set_trailing_metadata([("x-last", "2")])

    def up(self, requests, context):
        return b"%d" % sum(len(one) for one in requests)

    def both(self, requests, context):
        for one in requests:
            yield one

    def fail_later(self, request, context):
        yield b"one"
        context.abort(grpc.StatusCode.DATA_LOSS, "after one")

    def slow(self, request, context):
        self.began.set()
        context.add_callback(self.cancelled.set)
        end = time.monotonic() + CALL_S_MAX
        while context.is_active() and time.monotonic() < end:
            time.sleep(0.02)
        return b""

    def drip(self, request, context):
        context.add_callback(self.cancelled.set)
        number = 0
        while context.is_active() and number < 1000:
            yield b"%d" % number
            number += 1
            time.sleep(0.02)

    def timeout_told(self, request, context):
        remaining = context.time_remaining()
        return b"none" if remaining is None or remaining > 1e6 else b"%d" % int(remaining)

    def start(self, port: int):
        kinds = {
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "StatusOnly": grpc.unary_unary_rpc_method_handler(self.status_only),
            "Down": grpc.unary_stream_rpc_method_handler(self.down),
            "Up": grpc.stream_unary_rpc_method_handler(self.up),
            "Both": grpc.stream_stream_rpc_method_handler(self.both),
            "FailLater": grpc.unary_stream_rpc_method_handler(self.fail_later),
            "Slow": grpc.unary_unary_rpc_method_handler(self.slow),
            "Drip": grpc.unary_stream_rpc_method_handler(self.drip),
            "TimeoutTold": grpc.unary_unary_rpc_method_handler(self.timeout_told),
        }
        server = grpc.server(futures.ThreadPoolExecutor(64), options=UNLIMITED)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", kinds),))
        server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        return server


def unary(channel, server):
    answer, call = channel.unary_unary("/test.Echo/Unary").with_call(b"hello", timeout=CALL_S_MAX)
    first = dict(call.initial_metadata())
    last = dict(call.trailing_metadata())
    assert answer == b"hello", answer
    assert first.get("x-first") == "1", f"first metadata {first}"
    assert last.get("x-last") == "2" and last.get("x-bytes-bin") == b"\x00\xff", f"trailers {last}"


def unary_empty(channel, server):
    assert channel.unary_unary("/test.Echo/Unary")(b"", timeout=CALL_S_MAX) == b""


def error(call) -> grpc.RpcError:
    try:
        call()
    except grpc.RpcError as failed:
        return failed
    raise AssertionError("the call did not fail")


def status_only(channel, server):
    failed = error(lambda: channel.unary_unary("/test.Echo/StatusOnly")(b"x", timeout=CALL_S_MAX))
    assert failed.code() == grpc.StatusCode.FAILED_PRECONDITION, failed.code()
    assert failed.details() == "no: ñ, % and more", failed.details()
    assert dict(failed.trailing_metadata()).get("x-last") == "2", failed.trailing_metadata()


def unimplemented(channel, server):
    failed = error(lambda: channel.unary_unary("/test.Echo/Nothing")(b"x", timeout=CALL_S_MAX))
    assert failed.code() == grpc.StatusCode.UNIMPLEMENTED, failed.code()


def down(channel, server):
    call = channel.unary_stream("/test.Echo/Down")(b"1000", timeout=CALL_S_MAX)
    assert [int(one) for one in call] == list(range(1000))
    assert dict(call.trailing_metadata()).get("x-last") == "2"


def down_empty(channel, server):
    assert list(channel.unary_stream("/test.Echo/Down")(b"0", timeout=CALL_S_MAX)) == []


def up(channel, server):
    assert channel.stream_unary("/test.Echo/Up")((b"a" * 1000 for _ in range(1000)), timeout=CALL_S_MAX) == b"1000000"


def both(channel, server):
    """In turns: each answer must come before the next question is sent."""
    answers, last = [], threading.Semaphore(1)

    def questions():
        for number in range(200):
            assert last.acquire(timeout=CALL_S_MAX)
            yield b"%d" % number

    for one in channel.stream_stream("/test.Echo/Both")(questions(), timeout=CALL_S_MAX):
        answers.append(int(one))
        last.release()
    assert answers == list(range(200))


def fail_later(channel, server):
    call = channel.unary_stream("/test.Echo/FailLater")(b"x", timeout=CALL_S_MAX)
    assert next(call) == b"one"
    failed = error(lambda: next(call))
    assert failed.code() == grpc.StatusCode.DATA_LOSS, failed.code()


def large(channel, server):
    body = bytes(range(256)) * (LARGE_BYTES // 256)
    assert channel.unary_unary("/test.Echo/Unary")(body, timeout=CALL_S_MAX) == body


def large_stream(channel, server):
    body = b"z" * LARGE_BYTES
    answers = channel.stream_stream("/test.Echo/Both")(iter([body] * 4), timeout=CALL_S_MAX)
    assert [len(one) for one in answers] == [LARGE_BYTES] * 4


def deadline(channel, server):
    server.cancelled.clear()
    failed = error(lambda: channel.unary_unary("/test.Echo/Slow")(b"x", timeout=0.5))
    assert failed.code() == grpc.StatusCode.DEADLINE_EXCEEDED, failed.code()
    assert server.cancelled.wait(3.0), "the server never learned of it"


def deadline_told(channel, server):
    told = channel.unary_unary("/test.Echo/TimeoutTold")(b"x", timeout=10)
    assert told != b"none" and int(told) <= 10, told


def cancel(channel, server):
    server.cancelled.clear()
    server.began.clear()
    call = channel.unary_unary("/test.Echo/Slow").future(b"x", timeout=CALL_S_MAX)
    assert server.began.wait(5.0), "the call never arrived"
    call.cancel()
    assert server.cancelled.wait(3.0), "the server never learned of it"


def cancel_stream(channel, server):
    server.cancelled.clear()
    call = channel.unary_stream("/test.Echo/Drip")(b"x", timeout=CALL_S_MAX)
    assert next(call) == b"0"
    call.cancel()
    assert server.cancelled.wait(3.0), "the server never learned of it"


def metadata(channel, server):
    sent = [("x-a", "1"), ("x-a", "2"), ("x-b-bin", bytes(range(64)))]
    assert channel.unary_unary("/test.Echo/Unary")(b"x", metadata=sent, timeout=CALL_S_MAX) == b"x"


def at_once(channel, server):
    call = channel.unary_unary("/test.Echo/Unary")
    calls = [call.future(b"%d" % number, timeout=CALL_S_MAX) for number in range(500)]
    assert [int(one.result()) for one in calls] == list(range(500))


TESTS = (unary, unary_empty, status_only, unimplemented, down, down_empty, up, both, fail_later, large, large_stream, deadline,
         deadline_told, cancel, cancel_stream, metadata, at_once)


def run(subject) -> list[Result]:
    port = free_port()
    server = Server()
    serving = server.start(port)
    results = []
    try:
        with subject(FLAVOUR, port) as gateway:
            for test in TESTS:
                # A channel of its own: a connection that one test broke is no fault of the next.
                options = [*UNLIMITED, ("grpc.use_local_subchannel_pool", 1)]
                with grpc.insecure_channel(f"127.0.0.1:{gateway.h2_port}", options=options) as channel:
                    try:
                        test(channel, server)
                        results.append(Result(test.__name__, True, "pass"))
                    except (AssertionError, grpc.RpcError, StopIteration, ValueError) as failed:
                        said = f"{failed.code()} {failed.details()}" if isinstance(failed, grpc.RpcError) else repr(failed)
                        results.append(Result(test.__name__, False, "fail", said))
    finally:
        serving.stop(None).wait(5)
    return results
