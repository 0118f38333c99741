"""Suite: request smuggling. Every case of the corpus through a gateway to three origins that read HTTP/1.1 in their own ways.

A case is `refused` (no origin saw it), `same` (what the client was answered is what the origin saw, in an allowed reading), `lenient`
(the same, though RFC 9112 says to refuse) or `different`: then gateway and origin did not mean the same, and the case fails.
"""

import asyncio
import base64
import json
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from corpus import CASES, FIRST_NUMBER
from h2inject import INJECTIONS, inject
from running import Result, free_port, program, tool, venv

NAME = "smuggling"
SUBJECTS = ("naive", "nginx", "haproxy", "envoy", "homeostat")
FLAVOUR = "plain"
ORIGINS = ("python", "node", "hyper")
AT_ONCE = 24
# How long a connection may be silent before the case is over: answers here take milliseconds.
QUIET_S = 0.7
CASE_S_MAX = 3.0
BYTES_MAX = 1 << 20
ECHO = re.compile(rb"saw (\S*) end")
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
MARK = re.compile(r"/([cs])(\d{3})")


def origin_command(kind: str, port: int) -> list[str]:
    here = str(Path(__file__).parent)
    if kind == "node":
        return [tool("node"), f"{here}/origin.mjs", str(port)]
    if kind == "python":
        fixed = ["--http", "h11", "--no-access-log", "--log-level", "critical", "--app-dir", here]
        return [venv("uvicorn"), "origin:app", "--host", "127.0.0.1", "--port", str(port), *fixed]
    fixed = ["--interface", "asgi", "--http", "1", "--no-ws", "--no-log", "--working-dir", here]
    return [venv("granian"), "origin:app", "--host", "127.0.0.1", "--port", str(port), *fixed]


async def send(port: int, parts: tuple[bytes, ...], number: int) -> tuple[bytes, bool]:
    """Sends a case; what came back, and whether the connection was closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    came, closed = b"", False
    try:
        for place, part in enumerate(parts):
            if place:
                await asyncio.sleep(0.05)
            writer.write(part.replace(b"{n}", b"%d" % number))
            try:
                await asyncio.wait_for(writer.drain(), CASE_S_MAX)
            except (ConnectionError, asyncio.TimeoutError):
                break
        loop = asyncio.get_running_loop()
        end = loop.time() + CASE_S_MAX
        while len(came) < BYTES_MAX and loop.time() < end:
            # Before the first byte a gateway may still wait for more: that too is a way to refuse.
            read = await asyncio.wait_for(reader.read(65536), QUIET_S if came else 2 * QUIET_S)
            if not read:
                closed = True
                break
            came += read
    except asyncio.TimeoutError:
        pass
    except ConnectionError:
        closed = True
    finally:
        writer.close()
    return came, closed


def once(seen: list[dict]) -> list[dict]:
    """Without repeats of idempotent requests: a gateway may ask again, or two at once, where RFC 9110 says that it does no harm."""
    kept: list[dict] = []
    for one in seen:
        if one["method"] not in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE") or one not in kept:
            kept.append(one)
    return kept


def judge(case, number: int, came: bytes, closed: bool, seen: list[dict]) -> tuple[str, str]:
    """The verdict on a case, and why."""
    seen = once(seen)
    statuses = [int(status) for status in STATUS.findall(came) if status != b"100"]
    answered = [echo.decode("latin-1") for echo in ECHO.findall(came)]
    targets = [one["target"][:40] for one in seen]
    if not seen:
        if any(200 <= status < 300 for status in statuses):
            return "different", f"answered {statuses} though no origin saw it"
        if case.must_refuse and not closed and statuses:
            return "refused", f"{statuses[0]}, and the connection stays open"
        return "refused", str(statuses[0]) if statuses else ("closed" if closed else "waits for more")
    # An origin may be asked for what the client never hears of, if the gateway hung up: but never for more than it meant.
    names = [re.sub(r"^https?://[^/]*", "", one) for one in targets]
    heard = [re.sub(r"^https?://[^/]*", "", one) for one in answered]
    # HTTP/0.9 has answers without a status.
    good = max(sum(200 <= status < 300 for status in statuses), len(heard))
    if len(names) > good or heard != names[: len(heard)]:
        return "different", f"the origin saw {targets}, the client was answered {answered} {statuses}"
    own = [one for one in seen if f"/c{number}" in one["target"]]
    bodies = {body.replace(b"{n}", b"%d" % number) for body in case.bodies}
    for one in own:
        body = base64.b64decode(one["body"])
        if bodies and body not in bodies:
            return "different", f"the origin saw the body {body[:60]!r}"
        if len(one["hosts"]) > 1:
            return "different", f"the origin saw the hosts {one['hosts']}"
        if case.host and one["hosts"] != [case.host.decode()]:
            return "different", f"the origin saw the hosts {one['hosts']} instead of {case.host.decode()}"
    return ("lenient", f"passed on, answered {statuses}") if case.must_refuse else ("same", "")


async def all_cases(gateway, notes: Path) -> list[tuple]:
    """Every case, some at once; their targets tell them apart."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(number, case):
        async with limit:
            try:
                return number, case, *await send(gateway.port, case.parts, number)
            except OSError as error:
                return number, case, b"", f"{error}"

    outcomes = await asyncio.gather(*(one(FIRST_NUMBER + place, case) for place, case in enumerate(CASES)))
    await asyncio.sleep(1.0)
    return outcomes


def injections(port: int) -> list[tuple[str, str, str]]:
    """Each injection: its name, the status, and what else came."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        came = threads.map(lambda place: inject(port, place), range(len(INJECTIONS)))
        return [(name, *one) for name, one in zip(INJECTIONS, came)]


def run(subject) -> list[Result]:
    results = []
    for kind in ORIGINS:
        with tempfile.TemporaryDirectory() as folder:
            notes = Path(folder) / "notes"
            notes.touch()
            port = free_port()
            with program(origin_command(kind, port), port, {"CONFORMANCE_NOTES": str(notes)}):
                with subject(FLAVOUR, port) as gateway:
                    outcomes = asyncio.run(all_cases(gateway, notes))
                    injected = [] if gateway.name == "naive" else injections(gateway.h2_port)
            results += verdicts(kind, outcomes, injected, [json.loads(line) for line in notes.read_text().splitlines()])
    return results


def verdicts(kind: str, outcomes, injected, seen: list[dict]) -> list[Result]:
    of_case: dict[int, list[dict]] = {}
    strays, of_injection = [], {}
    for one in seen:
        mark = MARK.search(one["target"])
        if mark:
            of_case.setdefault(int(mark[2]), []).append(one)
        elif re.search(r"/h(\d+)", one["target"]):
            of_injection.setdefault(int(re.search(r"/h(\d+)", one["target"])[1]), []).append(one)
        else:
            strays.append(one)
    results = []
    for number, case, came, closed in outcomes:
        verdict, why = judge(case, number, came, closed, of_case.get(number, []))
        results.append(Result(f"{kind}: {case.group}: {case.name}", verdict != "different", verdict, why))
    for place, (name, status, why) in enumerate(injected):
        saw = of_injection.get(place, [])
        bad = [one for one in saw if "/smuggled" in one["target"] or len(one["hosts"]) > 1] or len(once(saw)) > 1
        verdict = "different" if bad else ("same" if saw else "refused")
        results.append(Result(f"{kind}: h2: {name}", not bad, verdict, f"{status} {why} {saw if bad else ''}"))
    for stray in strays:
        results.append(Result(f"{kind}: stray request {stray['method']} {stray['target'][:40]}", False, "different", "of no case"))
    return results
