"""What all suites stand on: programs that are started and surely ended, the gateways that are compared, and the form of a result."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
START_S_MAX = 30.0
END_S_MAX = 5.0


@dataclass
class Result:
    """What one test showed."""

    test: str
    ok: bool
    verdict: str = ""
    detail: str = ""

    def plain(self) -> dict:
        return asdict(self) | {"detail": self.detail[:400]}


@dataclass
class Gateway:
    """A running subject."""

    name: str
    port: int
    h2_port: int
    pid: int


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def venv(name: str) -> str:
    """A program of this Python's own folder."""
    return str(Path(sys.executable).parent / name)


def tool(name: str) -> str:
    """A program of the machine."""
    for folder in [*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/usr/local/sbin"]:
        path = Path(folder) / name
        if path.is_file():
            return str(path)
    raise FileNotFoundError(name)


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def program(command: list[str], port: int, extra: dict[str, str] | None = None, said=subprocess.DEVNULL):
    """A program that listens at this port, in a group of its own that is ended with it."""
    child = subprocess.Popen(
        command, env=os.environ | (extra or {}), stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
    )
    try:
        end = time.monotonic() + START_S_MAX
        while not listens(port):
            if child.poll() is not None:
                raise RuntimeError(f"{command[0]} ended at once: {child.returncode}")
            if time.monotonic() > end:
                raise RuntimeError(f"{command[0]} does not listen")
            time.sleep(0.05)
        yield child
    finally:
        # First the one, which ends its workers in order; then whatever is left of its group.
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(END_S_MAX)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


TEMPLATES = {"nginx": "conf", "haproxy": "cfg", "envoy": "yaml", "varnish": "vcl", "homeostat": "toml", "naive": "txt"}


def command_of(name: str, config: str, folder: str, port: int, programs: dict[str, str]) -> list[str]:
    if name == "nginx":
        return [programs[name], "-c", config]
    if name == "haproxy":
        return [programs[name], "-db", "-f", config]
    if name == "envoy":
        return [programs[name], "--concurrency", "1", "--disable-hot-restart", "--log-level", "error", "-c", config]
    if name == "varnish":
        fixed = ["-F", "-j", "none", "-s", "default,64m", "-p", "default_grace=0", "-p", "default_keep=3600"]
        return [programs[name], *fixed, "-f", config, "-a", f"127.0.0.1:{port}", "-n", f"{folder}/varnish"]
    if name == "naive":
        return [sys.executable, str(HERE / "naive.py"), *Path(config).read_text().split()]
    if Path(programs[name]).name != "homeostat":
        # The gateway alone, as the example of its crate starts it.
        return [programs[name], config, f"{folder}/run"]
    return [programs[name], "gateway", "--config", config]


@contextlib.contextmanager
def gateway(name: str, programs: dict[str, str], flavour: str, origin: int):
    """A subject in front of an origin, configured for the suite."""
    template = HERE / "peers" / f"{name}-{flavour}.{TEMPLATES[name]}"
    with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as folder:
        port, h2_port = free_port(), free_port()
        text = template.read_text()
        for key, value in {"PORT": port, "H2_PORT": h2_port, "ORIGIN": origin, "FOLDER": folder}.items():
            text = text.replace(f"@{key}@", str(value))
        config = Path(folder) / template.name
        config.write_text(text)
        with (Path(folder) / "said.log").open("wb") as said:
            try:
                with program(command_of(name, str(config), folder, port, programs), port, said=said) as child:
                    yield Gateway(name, port, h2_port if "@H2_PORT@" in template.read_text() else port, child.pid)
            except RuntimeError as error:
                told = (Path(folder) / "said.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{error}\n{told}") from error
