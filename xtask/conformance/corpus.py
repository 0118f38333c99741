"""The corpus of doubtful requests: raw bytes, and what an origin may see of each.

Each case has a number N. Its own request is for /cN; what it tries to smuggle is a whole request for /sN. A gateway may refuse a case,
or pass on what it means, in one of the readings that RFC 9112 allows. The origin names in each answer what it was asked for: so what
the client is answered, in order, must be what the origin saw. An origin that saw /sN where the gateway answered only /cN was fooled.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One case; `{n}` in its bytes becomes its number."""

    group: str
    name: str
    parts: tuple[bytes, ...]
    # The bodies that its own request may arrive with, if it arrives.
    bodies: tuple[bytes, ...] = ()
    # Whether RFC 9110 to 9113 leave no choice but to refuse it.
    must_refuse: bool = False
    # The host that the origin must be told, if the request arrives.
    host: bytes | None = None


SMUGGLED = b"GET /s{n} HTTP/1.1\r\nHost: a.example\r\nX-Smuggled: {n}\r\n\r\n"
HOST = b"Host: a.example\r\n"
# Numbers have three digits, so that its length is the same in every case.
FIRST_NUMBER = 100
SMUGGLED_BYTES = len(SMUGGLED.replace(b"{n}", b"100"))
CASES: list[Case] = []


def add(group: str, name: str, *parts: bytes, **rest) -> None:
    CASES.append(Case(group, name, parts, **rest))


def post(headers: bytes, body: bytes) -> bytes:
    return b"POST /c{n} HTTP/1.1\r\n" + HOST + headers + b"\r\n" + body


def chunk(data: bytes, size: bytes | None = None) -> bytes:
    return (size if size is not None else b"%x" % len(data)) + b"\r\n" + data + b"\r\n"


END = b"0\r\n\r\n"
TE = b"Transfer-Encoding: chunked\r\n"


def length(value: bytes) -> bytes:
    return b"Content-Length: " + value + b"\r\n"


def both_lengths() -> None:
    """Content-Length and Transfer-Encoding at once: the reader may refuse, or take the encoding alone and close."""
    hidden = END + SMUGGLED
    add("CL.TE", "length covers a request behind the last chunk", post(length(b"%d" % (len(END) + SMUGGLED_BYTES)) + TE, hidden), bodies=(b"",))
    add("CL.TE", "length first, whole", post(length(b"5") + TE, chunk(b"hello") + END), bodies=(b"hello",))
    add("TE.CL", "encoding first, length short", post(TE + length(b"4"), chunk(SMUGGLED, b"%x" % SMUGGLED_BYTES) + END), bodies=(SMUGGLED,))
    add("TE.CL", "encoding first, length 0", post(TE + length(b"0"), chunk(b"hello") + END), bodies=(b"hello",))
    add("CL.TE", "length 0 before the encoding", post(length(b"0") + TE, chunk(b"hello") + END), bodies=(b"hello",))
    add("CL.TE", "in HTTP/1.0", b"POST /c{n} HTTP/1.0\r\n" + HOST + length(b"5") + TE + b"\r\n" + END + SMUGGLED, must_refuse=True)
    add("TE", "chunked in HTTP/1.0 without a length", b"POST /c{n} HTTP/1.0\r\n" + HOST + TE + b"\r\n" + END + SMUGGLED, bodies=(b"",))
    add("CL.TE", "GET with both", b"GET /c{n} HTTP/1.1\r\n" + HOST + length(b"5") + TE + b"\r\n" + END + SMUGGLED, bodies=(b"",))


def encodings() -> None:
    """Encodings that one reader takes for chunked and the other does not."""
    values = [
        (b"Transfer-Encoding: xchunked\r\n", "xchunked"),
        (b"Transfer-Encoding: chunkedx\r\n", "chunkedx"),
        (b"Transfer-Encoding: \"chunked\"\r\n", "quoted"),
        (b"Transfer-Encoding: chunked;q=1\r\n", "with a parameter"),
        (b"Transfer-Encoding: chunked, identity\r\n", "identity last"),
        (b"Transfer-Encoding: identity\r\n", "identity alone"),
        (b"Transfer-Encoding: chunked, chunked\r\n", "chunked twice in a line"),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "two lines, identity last"),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "two lines, unknown last"),
        (b"Transfer-Encoding: gzip\r\n", "gzip alone"),
        (b"Transfer-Encoding:\r\n", "empty"),
        (b"Transfer-Encoding: ,\r\n", "a comma"),
        (b"Transfer-Encoding : chunked\r\n", "space before the colon"),
        (b"Transfer-Encoding\t: chunked\r\n", "tab before the colon"),
        (b" Transfer-Encoding: chunked\r\n", "space before the name"),
        (b"Transfer-Encoding:\x0bchunked\r\n", "vertical tab before the value"),
        (b"Transfer-Encoding: \x00chunked\r\n", "NUL before the value"),
        (b"Transfer-Encoding: chunked\x00\r\n", "NUL after the value"),
        (b"Transfer-Encoding: chun\x00ked\r\n", "NUL within the value"),
        (b"Transfer-Encoding:\r\n chunked\r\n", "folded"),
        (b"X: y\rTransfer-Encoding: chunked\r\n", "behind a bare CR"),
        (b"Transfer-Encoding: chunked\r\r\n", "CR CR LF"),
        (b"Transfer_Encoding: chunked\r\n", "underscore"),
        (b"Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n", "cow, then chunked"),
        (b"transfer-encoding: CHUNKED \r\n", "capitals and a space behind"),
        (b"Transfer-Encoding:\tchunked\r\n", "tab before the value"),
        (b"X: y\nTransfer-Encoding: chunked\r\n", "behind a bare LF"),
        (b"Transfer-Encoding\x80: chunked\r\n", "a high byte in the name"),
        (b"Transfer-Encoding\r\n : chunked\r\n", "name folded"),
        (b"Foo: bar\r\n\tTransfer-Encoding: chunked\r\n", "as a folded line of another field"),
    ]
    tolerable = {"capitals and a space behind", "tab before the value", "underscore", "behind a bare LF", "folded", "as a folded line of another field", "identity alone"}
    size = b"%x" % SMUGGLED_BYTES
    for line, name in values:
        must = name not in tolerable
        # Each reading of the encoding ends elsewhere than each reading of the length.
        whole = END + SMUGGLED
        long = length(b"%d" % (len(END) + SMUGGLED_BYTES))
        add("TE.TE", name + ", long length", post(long + line, whole), bodies=(b"", whole), must_refuse=must)
        short = length(b"%d" % len(size + b"\r\n"))
        add("TE.TE", name + ", short length", post(line + short, chunk(SMUGGLED, size) + END), bodies=(SMUGGLED, size + b"\r\n"), must_refuse=must)
        add("TE.TE", name + ", no length", post(line, whole), bodies=(b"",), must_refuse=must and name != "underscore")


def lengths() -> None:
    """Lengths that readers take differently. The body is `hello`, and a smuggled request stands where a wrong reader looks."""
    for value in [b"+5", b"-5", b"0x5", b"5,6", b"5 6", b"5.0", b"5e0", b"", b"five", b"05x", b"\"5\"", b"5;", b"\x005", b"5\x00", b"5\x0b", b"99999999999999999999999", b"18446744073709551621"]:
        add("CL", f"value {value!r}", post(length(value), b"hello" + SMUGGLED), must_refuse=True)
    add("CL", "leading zeros", post(length(b"0005"), b"hello"), bodies=(b"hello",))
    add("CL", "twice the same in one line", post(length(b"5, 5"), b"hello"), bodies=(b"hello",))
    add("CL", "twice the same", post(length(b"5") * 2, b"hello"), bodies=(b"hello",))
    add("CL", "twice, short first", post(length(b"5") + length(b"70"), b"hello" + SMUGGLED), must_refuse=True)
    add("CL", "twice, long first", post(length(b"70") + length(b"5"), b"hello" + SMUGGLED), must_refuse=True)
    add("CL", "twice, 0 first", post(length(b"0") + length(b"69"), SMUGGLED), must_refuse=True)
    add("CL", "space before the colon", post(b"Content-Length : 5\r\n", b"hello"), must_refuse=True)
    add("CL", "tab before the colon", post(b"Content-Length\t: 5\r\n", b"hello"), must_refuse=True)
    add("CL", "folded", post(b"Content-Length:\r\n 5\r\n", b"hello"), bodies=(b"hello",))
    add("CL", "folded digits", post(b"Content-Length: 5\r\n 0\r\n", b"hello" + SMUGGLED), must_refuse=True)
    add("CL", "underscore", post(b"Content_Length: 69\r\n", SMUGGLED), bodies=(b"",))
    add("CL", "NUL in the name", post(b"Content-Length\x00: 5\r\n", b"hello"), must_refuse=True)
    add("CL", "GET with a body", b"GET /c{n} HTTP/1.1\r\n" + HOST + length(b"5") + b"\r\nhello", bodies=(b"hello",))
    add("CL", "GET that hides a request in its body", b"GET /c{n} HTTP/1.1\r\n" + HOST + length(b"%d" % SMUGGLED_BYTES) + b"\r\n" + SMUGGLED, bodies=(SMUGGLED,))
    add("CL", "DELETE with a body", b"DELETE /c{n} HTTP/1.1\r\n" + HOST + length(b"5") + b"\r\nhello", bodies=(b"hello",))
    add("CL", "named by Connection", post(b"Connection: content-length\r\n" + length(b"5"), b"hello"), bodies=(b"hello", b""))
    add("TE", "named by Connection", post(b"Connection: transfer-encoding\r\n" + TE, chunk(b"hello") + END), bodies=(b"hello",))
    add("CL", "no body and a request behind", b"POST /c{n} HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, bodies=(b"",))


def chunks() -> None:
    """Chunks that readers take differently."""

    def body(name: str, data: bytes, **rest) -> None:
        add("chunk", name, post(TE, data), **rest)

    body("plain", chunk(b"hello") + END, bodies=(b"hello",))
    body("capital hex", chunk(b"a" * 10, b"A") + END, bodies=(b"a" * 10,))
    body("extension", chunk(b"hello", b"5;a=b") + END, bodies=(b"hello",))
    body("quoted extension", chunk(b"hello", b'5;a="b;c"') + END, bodies=(b"hello",))
    body("extension with a bare LF", chunk(b"hello", b"5;a\nb") + END, must_refuse=True)
    body("extension with a bare CR", chunk(b"hello", b"5;a\rb") + END, must_refuse=True)
    body("extension with NUL", chunk(b"hello", b"5;a\x00b") + END, must_refuse=True)
    body("extension of 64 KiB", chunk(b"hello", b"5;" + b"a" * 65536) + END, bodies=(b"hello",))
    body("trailer", chunk(b"hello") + b"0\r\nX-Trailer: a\r\n\r\n", bodies=(b"hello",))
    body("trailer that is a length", chunk(b"hello") + b"0\r\nContent-Length: 70\r\n\r\n", bodies=(b"hello",))
    body("trailer with a bad name", chunk(b"hello") + b"0\r\nX Y: a\r\n\r\n", must_refuse=True)
    body("trailer without a colon", chunk(b"hello") + b"0\r\nnothing\r\n\r\n", must_refuse=True)
    body("size with 0x", chunk(b"hello", b"0x5") + END, must_refuse=True)
    body("size with +", chunk(b"hello", b"+5") + END, must_refuse=True)
    body("size with -", chunk(b"hello", b"-5") + END, must_refuse=True)
    body("size with an underscore", chunk(b"a" * 16, b"1_0") + END, must_refuse=True)
    body("size with a space before", chunk(b"hello", b" 5") + END, must_refuse=True)
    body("size with a space behind", chunk(b"hello", b"5 ") + END, bodies=(b"hello",))
    body("size with a space and letters", chunk(b"hello", b"5 a") + END, must_refuse=True)
    body("size with NUL", chunk(b"hello", b"5\x00") + END, must_refuse=True)
    body("size empty", chunk(b"hello", b"") + END, must_refuse=True)
    body("size only an extension", chunk(b"hello", b";a=b") + END, must_refuse=True)
    body("size not hex", chunk(b"hello", b"5g") + END, must_refuse=True)
    body("size over 64 bits", chunk(b"hello", b"10000000000000005") + END, must_refuse=True)
    body("size over 32 bits", chunk(b"hello", b"100000005") + SMUGGLED, must_refuse=True)
    body("size with leading zeros", chunk(b"hello", b"0000000000000000005") + END, bodies=(b"hello",))
    body("ended by LF", b"5\nhello\r\n" + END, must_refuse=True)
    body("ended by CR", b"5\rhello\r\n" + END, must_refuse=True)
    body("data ended by LF", b"5\r\nhello\n" + END, must_refuse=True)
    body("data ended by nothing", b"5\r\nhello" + END, must_refuse=True)
    body("data longer than the size", b"5\r\nhelloworld\r\n" + END, must_refuse=True)
    body("data ended by two other bytes", b"5\r\nhelloXX" + END, must_refuse=True)
    body("last chunk 00", chunk(b"hello") + b"00\r\n\r\n", bodies=(b"hello",))
    body("last chunk ended by LF", chunk(b"hello") + b"0\n\n", must_refuse=True)
    body("last line ended by LF", chunk(b"hello") + b"0\r\n\n" + SMUGGLED, must_refuse=True)
    body("last line ended by CR", chunk(b"hello") + b"0\r\n\r" + SMUGGLED, must_refuse=True)
    body("last line with a letter between", chunk(b"hello") + b"0\r\nX\r\n\r\n" + SMUGGLED, must_refuse=True)
    body("request within a chunk", chunk(SMUGGLED, b"%x" % SMUGGLED_BYTES) + END, bodies=(SMUGGLED,))


def heads() -> None:
    """Heads: line ends, names, folding, NUL, request lines."""

    def get(name: str, head: bytes, **rest) -> None:
        add("head", name, head, **rest)

    line = b"GET /c{n} HTTP/1.1\r\n"
    get("plain", line + HOST + b"\r\n", bodies=(b"",), host=b"a.example")
    get("LF alone everywhere", (line + HOST + b"\r\n").replace(b"\r\n", b"\n"), bodies=(b"",))
    get("LF ends a field", line + HOST + b"A: b\nX-Smuggled: 1\r\n\r\n", bodies=(b"",))
    get("LF ends the request line", b"GET /c{n} HTTP/1.1\n" + HOST + b"\r\n", bodies=(b"",))
    get("LF LF ends the head", line + HOST + b"A: b\n\n" + SMUGGLED, bodies=(b"",))
    get("CR alone in a value", line + HOST + b"A: b\rX-Smuggled: 1\r\n\r\n", must_refuse=True)
    get("CR alone ends lines", (line + HOST + b"\r\n").replace(b"\r\n", b"\r"), must_refuse=True)
    get("NUL in a value", line + HOST + b"A: b\x00c\r\n\r\n", must_refuse=True)
    get("NUL in a name", line + HOST + b"A\x00: b\r\n\r\n", must_refuse=True)
    get("NUL in the target", b"GET /c{n}\x00/s HTTP/1.1\r\n" + HOST + b"\r\n", must_refuse=True)
    get("bell in a value", line + HOST + b"A: b\x07c\r\n\r\n", bodies=(b"",))
    get("delete in a value", line + HOST + b"A: b\x7fc\r\n\r\n", bodies=(b"",))
    get("high bytes in a value", line + HOST + b"A: \xff\xfe\r\n\r\n", bodies=(b"",))
    get("space in a name", line + HOST + b"A B: c\r\n\r\n", must_refuse=True)
    get("space before a colon", line + HOST + b"A : c\r\n\r\n", must_refuse=True)
    get("empty name", line + HOST + b": c\r\n\r\n", must_refuse=True)
    get("no colon", line + HOST + b"nothing\r\n\r\n", must_refuse=True)
    get("name with parentheses", line + HOST + b"A(b): c\r\n\r\n", must_refuse=True)
    get("folded value", line + HOST + b"A: b\r\n c\r\n\r\n", bodies=(b"",))
    get("folded first line", line + b" A: b\r\n" + HOST + b"\r\n", must_refuse=True)
    get("folded host", line + b"Host:\r\n a.example\r\n\r\n", bodies=(b"",))
    get("empty lines before", b"\r\n\r\n" + line + HOST + b"\r\n", bodies=(b"",))
    get("space before the method", b" " + line + HOST + b"\r\n", must_refuse=True)
    get("two spaces", b"GET  /c{n} HTTP/1.1\r\n" + HOST + b"\r\n", must_refuse=True)
    get("tab for a space", b"GET\t/c{n}\tHTTP/1.1\r\n" + HOST + b"\r\n", must_refuse=True)
    get("space in the target", b"GET /c{n} HTTP/1.1 HTTP/1.1\r\n" + HOST + b"\r\n", must_refuse=True)
    get("space behind the version", b"GET /c{n} HTTP/1.1 \r\n" + HOST + b"\r\n", must_refuse=True)
    get("method with a colon", b"G:T /c{n} HTTP/1.1\r\n" + HOST + b"\r\n", must_refuse=True)
    get("lower-case method", b"get /c{n} HTTP/1.1\r\n" + HOST + b"\r\n", bodies=(b"",))
    get("unknown method with a body", b"BREW /c{n} HTTP/1.1\r\n" + HOST + length(b"5") + b"\r\nhello", bodies=(b"hello",))
    get("fragment in the target", b"GET /c{n}#f HTTP/1.1\r\n" + HOST + b"\r\n", bodies=(b"",))
    get("high bytes in the target", b"GET /c{n}/\xff HTTP/1.1\r\n" + HOST + b"\r\n", bodies=(b"",))
    get("version 1.2", b"GET /c{n} HTTP/1.2\r\n" + HOST + b"\r\n", bodies=(b"",))
    get("version 3.0", b"GET /c{n} HTTP/3.0\r\n" + HOST + b"\r\n", must_refuse=True)
    get("version lower case", b"GET /c{n} http/1.1\r\n" + HOST + b"\r\n", must_refuse=True)
    get("version with a third part", b"GET /c{n} HTTP/1.1.1\r\n" + HOST + b"\r\n", must_refuse=True)
    get("version with two digits", b"GET /c{n} HTTP/1.10\r\n" + HOST + b"\r\n", must_refuse=True)
    get("no version", b"GET /c{n}\r\n" + HOST + b"\r\n", must_refuse=True)
    get("1 MiB of one field", line + HOST + b"A: " + b"a" * (1 << 20) + b"\r\n\r\n", must_refuse=True)
    get("10,000 fields", line + HOST + b"A: b\r\n" * 10_000 + b"\r\n", must_refuse=True)
    get("target of 1 MiB", b"GET /c{n}/" + b"a" * (1 << 20) + b" HTTP/1.1\r\n" + HOST + b"\r\n", must_refuse=True)
    get("X-Forwarded-For with CRLF by percent", b"GET /c{n}?a=%0d%0aX-Smuggled:%201 HTTP/1.1\r\n" + HOST + b"\r\n", bodies=(b"",))


def hosts() -> None:
    """Who is asked: Host and the absolute form."""
    line = b"GET /c{n} HTTP/1.1\r\n"
    add("host", "none", line + b"\r\n", must_refuse=True)
    add("host", "twice, different", line + HOST + b"Host: b.example\r\n\r\n", must_refuse=True)
    add("host", "twice, the same", line + HOST + HOST + b"\r\n", must_refuse=True)
    add("host", "space before the colon", line + b"Host : a.example\r\n\r\n", must_refuse=True)
    add("host", "a list", line + b"Host: a.example, b.example\r\n\r\n", must_refuse=True)
    add("host", "with a path", line + b"Host: a.example/x\r\n\r\n", must_refuse=True)
    add("host", "with a user", line + b"Host: u@a.example\r\n\r\n", must_refuse=True)
    add("host", "with a space", line + b"Host: a.example b.example\r\n\r\n", must_refuse=True)
    add("host", "with a bad port", line + b"Host: a.example:x\r\n\r\n", must_refuse=True)
    add("host", "empty", line + b"Host:\r\n\r\n", bodies=(b"",))
    absolute = b"GET http://a.example/c{n} HTTP/1.1\r\n"
    add("host", "absolute form, the same", absolute + HOST + b"\r\n", bodies=(b"",), host=b"a.example")
    add("host", "absolute form, another host", absolute + b"Host: b.example\r\n\r\n", bodies=(b"",), host=b"a.example")
    add("host", "absolute form without Host", absolute + b"\r\n", must_refuse=True)
    add("host", "absolute form with a user", b"GET http://u@a.example/c{n} HTTP/1.1\r\nHost: b.example\r\n\r\n", bodies=(b"",), host=b"a.example")
    add("host", "absolute form, other scheme", b"GET gopher://a.example/c{n} HTTP/1.1\r\nHost: b.example\r\n\r\n", bodies=(b"",), host=b"a.example")
    add("host", "target without a slash", b"GET c{n} HTTP/1.1\r\n" + HOST + b"\r\n", must_refuse=True)
    add("host", "target begins with @", b"GET @b.example/c{n} HTTP/1.1\r\n" + HOST + b"\r\n", must_refuse=True)
    add("host", "CONNECT with a path", b"CONNECT /c{n} HTTP/1.1\r\n" + HOST + b"\r\n", must_refuse=True)


def remnants() -> None:
    """What is left on a connection: refused requests, requests that end early, requests that are sent in pieces."""
    bad = b"GET /c{n} HTTP/1.1\r\n" + HOST + b"A : b\r\n\r\n"
    add("remnant", "request behind a bad one", bad + SMUGGLED, must_refuse=True)
    add("remnant", "two requests, openly", b"GET /c{n} HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED, bodies=(b"",))
    add("remnant", "request behind Connection: close", b"GET /c{n} HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n" + SMUGGLED, bodies=(b"",))
    add("remnant", "request behind HTTP/1.0", b"GET /c{n} HTTP/1.0\r\n" + HOST + b"\r\n" + SMUGGLED, bodies=(b"",))
    add("remnant", "Expect, then a body", post(b"Expect: 100-continue\r\n" + length(b"5"), b""), b"hello", bodies=(b"hello",))
    add("remnant", "Expect, body unasked", post(b"Expect: 100-continue\r\n" + length(b"5"), b"hello"), bodies=(b"hello",))
    add("remnant", "Expect unknown", post(b"Expect: nothing\r\n" + length(b"5"), b"hello"), bodies=(b"hello",))
    add("remnant", "Upgrade to h2c with a body", post(b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n" + length(b"5"), b"hello"), bodies=(b"hello",))
    add("remnant", "Upgrade to websocket without a key, then a request", b"GET /c{n} HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + SMUGGLED, bodies=(b"",))
    add("remnant", "body cut in pieces", post(length(b"10"), b"hel"), b"lo", b"world", bodies=(b"helloworld",))
    add("remnant", "head cut in pieces", b"GET /c{n} HT", b"TP/1.1\r\nHo", b"st: a.example\r", b"\n\r", b"\n", bodies=(b"",))
    add("remnant", "chunk cut in pieces", post(TE, b"5"), b"\r", b"\nhel", b"lo\r\n0", b"\r\n\r", b"\n", bodies=(b"hello",))
    add("remnant", "HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED, must_refuse=True)
    add("remnant", "TLS hello in the clear", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", must_refuse=True)


for group in (both_lengths, encodings, lengths, chunks, heads, hosts, remnants):
    group()
