"""The origin as a Python application: notes what it is asked, one JSON object a line, and names it in the answer.

Run by uvicorn on h11 (Python's own reading of HTTP/1.1) and by granian (hyper's).
"""

import base64
import json
import os

NOTES = os.open(os.environ["CONFORMANCE_NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"host"]
    target = scope.get("raw_path") or scope["path"].encode("latin-1", "replace")
    seen = {"method": scope["method"], "target": target.decode("latin-1"), "hosts": hosts, "body": text(body)}
    os.write(NOTES, (json.dumps(seen) + "\n").encode())
    answer = b"saw " + target[:40] + b" end"
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
