"""An edited toggle works within 100 ms in every daemon, under load: the short form of `scripts/bench --only toggles`."""

from harness import slow_build
from harness.switching import Switching


def test_toggles_under_load_in_two_daemons(bench):
    gateways = [bench.gateway("napcat"), bench.gateway("napcat", self_id=2100000002)]
    first = bench.served(gateways[0])
    client = first.redis.client
    second = bench.served(gateways[1], redis=first.redis, name="second", start=False)
    second.config["gateways"][0]["name"] = "qq2"
    second.start()
    gateways[1].wait_ready()
    rate, edits = (300, 40) if slow_build() else (1000, 120)
    found = Switching(client, gateways, groups=200, rate=rate).run(edits, per_second=20)
    print(found)
    assert found["missed"] == 0, found
    assert found["seen"] > edits, "some were seen in both daemons"
    assert found["p99"] < (500 if slow_build() else 100), found
    for daemon in (first, second):
        assert daemon.metrics().get("sopd_settings_bad") == 0
