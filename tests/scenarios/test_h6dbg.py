from tests.scenarios.conftest import stage
from tests.scenarios.stage import ONE_STEP, Stage
import time
from tests.scenarios.test_rate_limits import MANY
async def test_x(stage: Stage) -> None:
    stage.pipeline(ONE_STEP)
    await stage.opens(WRITES_PER_MINUTE="6")
    t=time.process_time(); wakes=0
    orig=stage.clock.wake
    def wake():
        nonlocal wakes; wakes+=1; orig()
    stage.clock.wake=wake
    await stage.says(f"/release {MANY}")
    async def go(label, **k):
        nonlocal t, wakes
        w=wakes; n=len(stage.world.ledger)
        await stage.passes(**k)
        print("STEP", label, wakes-w, len(stage.world.ledger)-n, round(time.process_time()-t,2)); t=time.process_time()
    await go("10s", seconds=10)
    limit = stage.world.trouble.primary_limit("*", "/actions/", reset_in=1800, times=1)
    await stage.until(lambda: limit.hits)
    await go("2s", seconds=2)
    for i in range(6): await go("10m", minutes=10)
    print("STEP", stage.glance())
