"""Requests over HTTP/2 whose fields would become something else in HTTP/1.1, written with the checks of the h2 library off."""

import socket

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

PLAIN = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a.example"), (b":path", b"/h{n}")]
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"


def with_(*fields: tuple[bytes, bytes], without: bytes = b"", **changed: bytes) -> list[tuple[bytes, bytes]]:
    pseudo = {b":" + name.encode(): value for name, value in changed.items()}
    kept = [(name, pseudo.get(name, value)) for name, value in PLAIN if name != without]
    return kept + list(fields)


# What is sent as the head, and as the body if there is one.
INJECTIONS = {
    "plain": (with_(), b""),
    "CRLF in a value": (with_((b"x", b"y\r\nx-smuggled: 1")), b""),
    "CRLF CRLF and a request in a value": (with_((b"x", b"y\r\n\r\n" + SMUGGLED)), b""),
    "LF in a value": (with_((b"x", b"y\nx-smuggled: 1")), b""),
    "CR in a value": (with_((b"x", b"y\rx-smuggled: 1")), b""),
    "NUL in a value": (with_((b"x", b"y\x00z")), b""),
    "CRLF in a name": (with_((b"x: y\r\nx-smuggled", b"1")), b""),
    "colon in a name": (with_((b"x:y", b"1")), b""),
    "space in a name": (with_((b"x y", b"1")), b""),
    "capitals in a name": (with_((b"X-Capital", b"1")), b""),
    "transfer-encoding": (with_((b"transfer-encoding", b"chunked"), method=b"POST"), b"0\r\n\r\n" + SMUGGLED),
    "transfer-encoding in capitals": (with_((b"Transfer-Encoding", b"chunked"), method=b"POST"), b"0\r\n\r\n" + SMUGGLED),
    "connection": (with_((b"connection", b"close")), b""),
    "upgrade": (with_((b"upgrade", b"websocket")), b""),
    "te other than trailers": (with_((b"te", b"gzip")), b""),
    "content-length too short": (with_((b"content-length", b"0"), method=b"POST"), SMUGGLED),
    "content-length too long": (with_((b"content-length", b"500"), method=b"POST"), b"hello"),
    "content-length twice": (with_((b"content-length", b"5"), (b"content-length", b"0"), method=b"POST"), b"hello"),
    "content-length no number": (with_((b"content-length", b"+5"), method=b"POST"), b"hello"),
    "two hosts": (with_((b"host", b"b.example")), b""),
    "space in the path": (with_(path=b"/h{n} HTTP/1.1\r\nx-smuggled: 1\r\n\r\n" + SMUGGLED), b""),
    "a space in the path": (with_(path=b"/h{n} x"), b""),
    "CRLF in the path": (with_(path=b"/h{n}\r\nx-smuggled: 1"), b""),
    "path without a slash": (with_(path=b"h{n}"), b""),
    "path empty": (with_(path=b""), b""),
    "path is a whole address": (with_(path=b"http://b.example/h{n}"), b""),
    "fragment in the path": (with_(path=b"/h{n}#x"), b""),
    "CRLF in the method": (with_(method=b"GET /smuggled HTTP/1.1\r\nhost: a.example\r\n\r\nGET"), b""),
    "space in the method": (with_(method=b"GET /smuggled"), b""),
    "CRLF in the authority": (with_(authority=b"a.example\r\nx-smuggled: 1"), b""),
    "space in the authority": (with_(authority=b"a.example b.example"), b""),
    "user in the authority": (with_(authority=b"u@a.example"), b""),
    "path in the authority": (with_(authority=b"a.example/x"), b""),
    "CRLF in the scheme": (with_(scheme=b"http\r\nx-smuggled: 1"), b""),
    "scheme with a path": (with_(scheme=b"http://b.example/smuggled?"), b""),
    "no method": (with_(without=b":method"), b""),
    "no path": (with_(without=b":path"), b""),
    "no scheme": (with_(without=b":scheme"), b""),
    "method twice": (with_((b":method", b"POST")), b""),
    "path twice": ([(b":path", b"/smuggled"), *PLAIN], b""),
    "pseudo-header behind fields": ([(b"x", b"y"), *PLAIN], b""),
    "pseudo-header unknown": (with_((b":x", b"y")), b""),
    "status in a request": (with_((b":status", b"200")), b""),
    "CONNECT with a path": (with_(method=b"CONNECT"), b""),
    "empty name": (with_((b"", b"y")), b""),
}


def inject(port: int, place: int) -> tuple[str, str]:
    """Sends one; the status or how it was refused, and what else came."""
    head, body = list(INJECTIONS.values())[place]
    head = [(name, value.replace(b"{n}", b"%d" % place)) for name, value in head]
    config = h2.config.H2Configuration(
        client_side=True, validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding=None
    )
    connection = h2.connection.H2Connection(config)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as link:
            connection.initiate_connection()
            connection.send_headers(1, head, end_stream=not body)
            if body:
                connection.send_data(1, body, end_stream=True)
            link.sendall(connection.data_to_send())
            while data := link.recv(65536):
                for event in connection.receive_data(data):
                    if isinstance(event, h2.events.ResponseReceived):
                        return dict(event.headers)[b":status"].decode(), ""
                    if isinstance(event, h2.events.StreamReset):
                        return "reset", str(event.error_code)
                    if isinstance(event, h2.events.ConnectionTerminated):
                        return "goaway", str(event.error_code)
                link.sendall(connection.data_to_send())
            return "closed", ""
    except TimeoutError:
        return "silence", ""
    except (OSError, h2.exceptions.ProtocolError) as error:
        return "closed", type(error).__name__
