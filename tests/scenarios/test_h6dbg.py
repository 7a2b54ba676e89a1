from tests.scenarios.conftest import stage
from tests.scenarios.stage import ONE_STEP, Stage
import time, sys, collections, asyncio
from tests.scenarios.test_rate_limits import MANY
async def test_x(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    c=collections.Counter()
    orig=stage.clock.sleep
    async def sleep(s):
        f=sys._getframe(1); c[(f.f_code.co_filename.split('/')[-1], f.f_lineno, f.f_code.co_name, asyncio.current_task().get_name()[:60])]+=1
        await orig(s)
    stage.clock.sleep=sleep
    await stage.opens(WRITES_PER_MINUTE="6")
    await stage.says(f"/release {MANY}")
    await stage.passes(seconds=10)
    limit = stage.world.trouble.primary_limit("*", "/actions/", reset_in=1800, times=1)
    await stage.until(lambda: limit.hits)
    await stage.passes(minutes=30)
    c.clear(); n=len(stage.world.ledger)
    await stage.passes(minutes=10)
    for k,v in c.most_common(12): print("STEP",k,v)
    cc=collections.Counter((e.method,e.path.split('?')[0][-50:],e.status) for e in stage.world.ledger[n:])
    for k,v in cc.most_common(12): print("STEP",k,v)
