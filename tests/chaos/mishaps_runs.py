"""What happens to workflow runs, by itself or by people's hands.

Rule: a change of how runs go holds from now on; a person at a run's page is refused where GitHub would refuse.
"""

from datetime import timedelta

from bot.simulator.actions import RefusedError
from bot.simulator.faults import Break
from bot.simulator.runs import Run
from tests.chaos.house import House
from tests.chaos.kinds import Do, Kind, lucky, pick, workflow
from tests.chaos.shapes import CANARY_JOB, CANARY_LINE
from tests.chaos.story import Mishap

_TRANSIENT = (
    "dial tcp: lookup registry.npmjs.org: no such host\n##[error]Process completed with exit code 1.\n"
)
_BROKEN = "src/main.c:3:1: error: expected ';'\n##[error]Process completed with exit code 2.\n"
_STRANGE = "something went wrong\n##[error]Process completed with exit code 1.\n"


def _appears_late(house: House, mishap: Mishap) -> None:
    workflow(house, mishap).on_run().appears_after(seconds=mishap.m)


def _never_appears(house: House, mishap: Mishap) -> None:
    here = workflow(house, mishap)
    here.on_run(runs=len(here.runs) + 1).appears_after(minutes=60_000)


def _listed_late(house: House, mishap: Mishap) -> None:
    workflow(house, mishap).on_run().is_listed_after(seconds=mishap.m)


def _no_startup(house: House, mishap: Mishap) -> None:
    here = workflow(house, mishap)
    here.on_run(runs=len(here.runs) + 1).fails_at_startup()


def _no_cancel(house: House, mishap: Mishap) -> None:
    workflow(house, mishap).on_run().ignores_cancel()


def _environment(house: House, mishap: Mishap) -> None:
    here = workflow(house, mishap)
    here.on_run(runs=len(here.runs) + 1).waits_for_environment("production")


def _takes_long(house: House, mishap: Mishap) -> None:
    workflow(house, mishap).on_run(attempts=1).takes(seconds=5 * mishap.m)


def _fails(log: str) -> Do:
    def do(house: House, mishap: Mishap) -> None:
        here = workflow(house, mishap)
        job, text = ("build", log) if here.repository is house.oss else (CANARY_JOB, f"{CANARY_LINE}\n{log}")
        here.on_run(attempts=mishap.n, runs=len(here.runs) + 1).job(job).fails(log=text)

    return do


def _skips_all(house: House, mishap: Mishap) -> None:
    here = workflow(house, mishap)
    here.on_run(attempts=1, runs=len(here.runs) + 1).skips_every_job()


def _silent(house: House, mishap: Mishap) -> None:
    workflow(house, mishap).on_run().sends_no_webhooks()


def _rerun_lag(house: House, mishap: Mishap) -> None:
    house.world.rerun_lag = timedelta(seconds=mishap.m)


def _disabled(house: House, mishap: Mishap) -> None:
    here = workflow(house, mishap)
    here.state = "disabled_manually"
    house.after(mishap.m, lambda: setattr(here, "state", "active"))


def _some_run(house: House, mishap: Mishap) -> Run | None:
    return pick(mishap.luck, house.world.runs)


def _by_hand(act: str) -> Do:
    """What a person does at a run's page; GitHub may refuse."""

    def do(house: House, mishap: Mishap) -> None:
        run = _some_run(house, mishap)
        if run is not None:
            _hand_on(house, act, run)

    return do


def _hand_on(house: House, act: str, run: Run) -> None:
    hand = house.world.hand("ada")
    house.tell(f"ada {act} run {run.id}")
    try:
        match act:
            case "cancels":
                hand.cancels(run)
            case "re-runs":
                hand.reruns(run)
            case "re-runs the failed jobs of":
                hand.reruns_failed_jobs(run)
            case _:
                hand.deletes_run(run)
    except RefusedError as error:
        house.tell(f"GitHub refuses: {error}")


def _cancels_live(house: House, mishap: Mishap) -> None:
    """The next run that is live, if there is one within a few minutes."""
    live = [run for run in house.world.runs if run.status != "completed"]
    if live:
        _hand_on(house, "cancels", live[mishap.luck % len(live)])
    elif house.seconds < min(mishap.at + 300, house.story.calm):
        house.after(15, lambda: _cancels_live(house, mishap))


def _rerun_unheard(house: House, mishap: Mishap) -> None:
    """Jobs fail for a passing reason; the re-run is done, and its answer is lost in one way or another."""
    _fails(_TRANSIENT)(house, mishap)
    method, path = "POST", r"/rerun-failed-jobs$"
    if mishap.luck % 3 == 0:
        house.world.trouble.answers(method, path, 502, when="after")
    elif mishap.luck % 3 == 1:
        house.world.trouble.breaks(method, path, Break.RESET, when="after")
    else:
        house.world.trouble.breaks(method, path, Break.HANG, when="after")


def _not_retryable(house: House, mishap: Mishap) -> None:
    if (run := _some_run(house, mishap)) is not None:
        run.retryable = False


def _logs_gone(house: House, mishap: Mishap) -> None:
    if (run := _some_run(house, mishap)) is not None:
        run.logs_expired = True


def _branch_moves(house: House, mishap: Mishap) -> None:
    repo = (house.oss, house.ee)[mishap.luck % 2]
    house.world.hand("walt").pushes(repo)


def _tag_appears(house: House, mishap: Mishap) -> None:
    repo, ask = (house.oss, house.ee)[mishap.luck % 2], pick(mishap.luck // 2, house.story.asks)
    if ask is not None and f"v{ask.version}" not in repo.tags:
        house.world.hand("walt").pushes_tag(repo, f"v{ask.version}")


def _starts_by_hand(house: House, mishap: Mishap) -> None:
    """A person presses "Run workflow"; it is never taken for the bot's."""
    here = workflow(house, mishap)
    if here.dispatchable and not here.on_tag and not here.on_branches:
        inputs = dict.fromkeys(here.inputs, "9.9.9")
        house.world.hand("walt").starts(here, **inputs)


KINDS: dict[str, Kind] = {
    "F26 a run appears late": Kind(
        2, lucky, _appears_late, "runs of a workflow appear {m} s late", early=True
    ),
    "F26 a run never appears": Kind(1, lucky, _never_appears, "a run never appears", early=True),
    "F27 listings lag": Kind(2, lucky, _listed_late, "listings lag {m} s behind", early=True),
    "F31 a workflow is disabled": Kind(0.7, lucky, _disabled, "a workflow is disabled for {m} s"),
    "F32 a branch moves": Kind(1, lucky, _branch_moves, "a branch moves"),
    "F33 a tag appears": Kind(0.7, lucky, _tag_appears, "a tag appears"),
    "F36 a re-run is done and nobody hears": Kind(
        1.5, lucky, _rerun_unheard, "jobs fail: the network; the answer to the re-run is lost", early=True
    ),
    "F38 a run cannot be re-run": Kind(0.5, lucky, _not_retryable, "a run cannot be re-run any more"),
    "F40 a run ignores cancel": Kind(0.7, lucky, _no_cancel, "runs of a workflow ignore cancel", early=True),
    "F41 startup failure": Kind(0.7, lucky, _no_startup, "a run fails at its startup", early=True),
    "F42 a person cancels a run": Kind(1.5, lucky, _by_hand("cancels"), "ada cancels a run"),
    "F42 a person cancels a live run": Kind(1.5, lucky, _cancels_live, "ada cancels a live run"),
    "F42 a person re-runs a run": Kind(1.5, lucky, _by_hand("re-runs"), "ada re-runs a run"),
    "F42 a person re-runs failed jobs": Kind(
        1.5, lucky, _by_hand("re-runs the failed jobs of"), "ada re-runs failed jobs"
    ),
    "F42 a person deletes a run": Kind(0.7, lucky, _by_hand("deletes"), "ada deletes a run"),
    "F42 logs are gone": Kind(0.7, lucky, _logs_gone, "the logs of a run are gone"),
    "F43 an environment waits": Kind(1, lucky, _environment, "a run waits for an environment", early=True),
    "F44 a job takes long": Kind(1, lucky, _takes_long, "a job takes {m} times 5 s", early=True),
    "F59 a re-run starts late": Kind(0.5, lucky, _rerun_lag, "attempts appear {m} s late", early=True),
    "jobs fail, transient": Kind(5, lucky, _fails(_TRANSIENT), "jobs fail: the network", early=True),
    "jobs fail, broken": Kind(1.5, lucky, _fails(_BROKEN), "jobs fail: a compile error", early=True),
    "jobs fail, unknown": Kind(3, lucky, _fails(_STRANGE), "jobs fail: who knows why", early=True),
    "every job is skipped": Kind(0.5, lucky, _skips_all, "a run skips every job", early=True),
    "runs announce nothing": Kind(1, lucky, _silent, "runs of a workflow announce nothing", early=True),
    "a run is started by hand": Kind(0.7, lucky, _starts_by_hand, "walt starts a run by hand"),
}
