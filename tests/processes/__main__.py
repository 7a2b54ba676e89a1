"""`python -m tests.processes --rounds N`: the real process under real violence, as often as wanted.

Exit code 0: no promise was broken; 1: see the red rounds; their folders (database, log) are kept.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.processes.campaign import Campaign, Plan, Tally, survey, table
from tests.processes.database import served
from tests.processes.rounds import KINDS


def main() -> int:
    plan = _plan()
    with served(plan.database) as database:
        tally = asyncio.run(_fight(replace(plan, database=database)))
    print("\n".join(table(tally)))
    for number, kind, folder, violations in tally.red:
        print(f"red: round {number} ({kind}), kept in {folder}; again: {_again(plan, number)}")
        for violation in violations:
            print(f"  {violation[:2000]}")
    return 1 if tally.red else 0


async def _fight(plan: Plan) -> Tally:
    with tempfile.TemporaryDirectory(prefix="release-bot-survey-") as folder:
        known = await survey(Path(folder), database=plan.database)
    return await Campaign(plan, known).fight()


def _again(plan: Plan, number: int) -> str:
    kinds = "".join(f' --kind "{name}"' for name in plan.kinds)
    given = "" if plan.database == "sqlite" else f" --database '{plan.database}' --replicas {plan.replicas}"
    given += " --pooler" if plan.pooled else ""
    return (
        f"python -m tests.processes --rounds {plan.rounds} --seed {plan.seed}{kinds}{given} --only {number}"
    )


def _plan() -> Plan:
    parser = argparse.ArgumentParser(prog="python -m tests.processes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="how many; a round takes some seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, action="append", default=[], help="only the round of this number")
    names = [kind.name for kind in KINDS]
    parser.add_argument("--kind", choices=names, action="append", default=[], help="only rounds of this kind")
    parser.add_argument(
        "--database",
        default="sqlite",
        help="sqlite; postgres: a server of its own; or a postgresql:// URL of a server where databases can be made",
    )

    parser.add_argument(
        "--pooler", action="store_true", help="every second round goes through a transaction pooler"
    )
    parser.add_argument(
        "--replicas", type=int, default=1, help="processes on one database; an SQLite file has one"
    )
    parser.add_argument(
        "--at-once", type=int, default=max(1, (os.cpu_count() or 1) // 2), help="rounds at a time"
    )
    given = parser.parse_args()
    if given.database == "sqlite" and given.replicas != 1:
        parser.error("an SQLite file belongs to one process: --replicas needs a database server")
    return Plan(
        rounds=given.rounds,
        seed=given.seed,
        only=tuple(given.only),
        kinds=tuple(given.kind),
        database=given.database,
        pooled=given.pooler,
        replicas=given.replicas,
        at_once=given.at_once,
    )


if __name__ == "__main__":
    sys.exit(main())
