"""Runs suites against gateways, and writes what came of them as JSON. Called by `cargo xtask conformance`, with the Python that has
the pinned packages."""

import argparse
import contextlib
import functools
import importlib
import json
import sys
import time
import traceback
from pathlib import Path

from running import gateway

SUITES = ("smuggling", "cache", "frames", "grpc_calls", "websocket", "slow")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", action="append", choices=SUITES)
    parser.add_argument("--program", action="append", default=[], metavar="NAME=PATH", help="a subject and its program")
    parser.add_argument("--out", type=Path, required=True)
    wish = parser.parse_args()
    programs = dict(one.split("=", 1) for one in wish.program)
    for name in wish.suite or SUITES:
        suite = importlib.import_module(name)
        of_suite = {"suite": suite.NAME, "what": (suite.__doc__ or "").strip(), "subjects": {}, "not_run": {}}
        for subject in suite.SUBJECTS:
            if subject in getattr(suite, "NOT_YET", {}):
                of_suite["not_run"][subject] = suite.NOT_YET[subject]
                continue
            if subject not in programs:
                of_suite["not_run"][subject] = "there is no program of it"
                continue
            began = time.monotonic()
            start = functools.partial(gateway, subject, programs)
            try:
                results = suite.run(start)
            except Exception as error:  # whatever it is, the other subjects still have their turn
                traceback.print_exc()
                of_suite["not_run"][subject] = f"{type(error).__name__}: {str(error)[:300]}"
                continue
            of_suite["subjects"][subject] = [one.plain() for one in results]
            good = sum(one.ok for one in results)
            print(f"{name}, {subject}: {good} of {len(results)} in {time.monotonic() - began:.1f} s", flush=True)
            # What the others fail stands on the page; here is what somebody may have to mend.
            for one in results:
                if not one.ok and subject == "homeostat" and one.verdict != "check":
                    print(f"    {one.test}: {one.verdict} {one.detail[:200]}", flush=True)
        wish.out.mkdir(parents=True, exist_ok=True)
        (wish.out / f"{suite.NAME}.json").write_text(json.dumps(of_suite, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
