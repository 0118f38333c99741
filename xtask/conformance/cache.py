"""Suite: http-cache-tests 0.4.5, with its own origin. Its authors say that it is no score of conformance: read it beside nginx and
Varnish. Counted is what the suite itself calls passed; of its tests, `required` ones are what RFC 9111 demands, `optimal` ones what a
good cache also does, and `check` ones only tell how a cache behaves. They measure seconds, and a busy machine fails some: every test
has two tries."""

import json
import os
import subprocess
from pathlib import Path

from running import Result, free_port, program, tool

NAME = "cache"
SUBJECTS = ("nginx", "varnish", "homeostat")
FLAVOUR = "cache"
RUN_S_MAX = 280
# Says of each test what kind it is; run in the package's own folder.
KINDS = """
import tests from './tests/index.mjs'
import surrogate from './tests/surrogate-control.mjs'
const kinds = {}
for (const suite of [...tests, surrogate]) {
  for (const test of suite.tests) kinds[test.id] = { kind: test.kind || 'required', name: `${suite.name}: ${test.name}`, browser: !!test.browser_only }
}
console.log(JSON.stringify(kinds))
"""


def run(subject) -> list[Result]:
    package = Path(os.environ["CONFORMANCE_NPM"]) / "node_modules/http-cache-tests"
    node = tool("node")
    listed = subprocess.run(
        [node, "--input-type=module", "-e", KINDS], cwd=package, capture_output=True, text=True, timeout=60, check=True
    )
    kinds = json.loads(listed.stdout)
    port = free_port()
    settings = {"npm_config_protocol": "http", "npm_config_port": str(port), "npm_config_pidfile": "/dev/null"}
    with program_in(package, [node, "server/server.mjs"], port, settings), subject(FLAVOUR, port) as gateway:
        base = {"npm_config_base": f"http://127.0.0.1:{gateway.port}", "npm_config_id": "", "npm_package_config_id": ""}
        outcome, again = (one_try(node, package, os.environ | base) for _ in range(2))
    outcome = {name: True if again.get(name) is True else came for name, came in outcome.items()}
    results = []
    for name, came in sorted(outcome.items()):
        about = kinds.get(name, {"kind": "required", "name": name})
        why = "" if came is True else " ".join(str(part) for part in came)[:300]
        results.append(Result(name, came is True, about["kind"], f"{about['name']}: {why}"))
    return results


def one_try(node: str, package: Path, settings: dict[str, str]) -> dict:
    command = [node, "--no-warnings", "cli.mjs"]
    ended = subprocess.run(command, cwd=package, env=settings, capture_output=True, text=True, timeout=RUN_S_MAX, check=True)
    return json.loads(ended.stdout[ended.stdout.index("{") :])


def program_in(folder: Path, command: list[str], port: int, settings: dict[str, str]):
    # The server finds its files by the folder that it runs in.
    return program(["env", "--chdir", str(folder), *command], port, settings)
