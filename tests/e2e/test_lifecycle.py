"""Starting, stopping, reloading, dying; and the embedded Redis."""

import os
import signal
import time

import pytest

from harness import FAST, SILENCE, TEST_SOP, events as ev, gateway_entry, run, slow_build, store, wait_until

G, U = ev.GROUP, ev.USER
IN_USE = 4


def say(gateway, what, group=G, user=U):
    gateway.emit(ev.group_msg(group, user, what))


def test_ready_is_fast(bench, napcat):
    daemon = bench.served(napcat)
    assert daemon.ready_after < (3 if slow_build() else 0.6), daemon.ready_after


def test_ready_does_not_wait_for_gateways(bench):
    gateway = bench.gateway("napcat")
    gateway.admit = "silent"
    bench.served(gateway, ready=False)


def test_sigterm_ends_with_0_and_flushes(bench, napcat):
    daemon = bench.served(napcat)
    for i in range(50):
        say(napcat, "ping %d" % i, user=U + i)
    napcat.wait_send("pong")
    started = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - started < 6
    done = sum(int(store.member(daemon.redis.client, "echo", G, U + i).get("pings", 0)) for i in range(50))
    waiting = store.outbox(daemon.redis.client)
    assert done == len(napcat.sends("pong")) + len(waiting)
    assert "STOPPING=1" in [line for _, line in daemon.notifications]


def test_sigterm_waits_at_most_five_seconds(bench, napcat):
    daemon = bench.served(napcat)
    napcat.answers["send_group_msg"] = SILENCE
    say(napcat, "ping 无声")
    napcat.wait_send("pong 无声")
    started = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - started < 6.5


def test_sigint_is_the_same(bench, napcat):
    daemon = bench.served(napcat)
    daemon.signal(signal.SIGINT)
    assert daemon.wait_exit() == 0


def test_sighup_reloads_configuration_and_flows(bench, napcat, box):
    sop = box + "/sop"
    os.makedirs(sop + "/flows"), os.makedirs(sop + "/playbooks")

    def flow(answer):
        with open(sop + "/flows/one.lua", "w", encoding="utf-8") as out:
            out.write("local flow = sop.flow('one', {})\nflow:command('喂', function(c) c:say('%s') end)\n"
                      "return flow\n" % answer)
    flow("旧的")
    with open(sop + "/playbooks/p.lua", "w", encoding="utf-8") as out:
        out.write("return { groups = { 'all' }, quiet = false, flows = { 'one' } }\n")
    daemon = bench.served(napcat, sop=sop)
    say(napcat, "喂")
    napcat.wait_send("旧的")
    flow("新的")
    daemon.reload()
    assert any(line == "RELOADING=1" for _, line in daemon.notifications)
    say(napcat, "喂")
    napcat.wait_send("新的")
    assert len(napcat.conns) == 1, "the link is kept"
    with open(sop + "/flows/one.lua", "w", encoding="utf-8") as out:
        out.write("local flow = = \n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_log(r"one\.lua:1")
    say(napcat, "喂")
    napcat.wait_send("新的", count=2)


def test_sighup_takes_new_gateways_in_and_old_ones_out(bench, napcat):
    other = bench.gateway("napcat", self_id=2100000002)
    daemon = bench.served(napcat)
    daemon.config["gateways"] = [gateway_entry(other, "qq2")]
    daemon.reload()
    other.wait_ready()
    napcat.wait(lambda: not any(c.open for c in napcat.conns), 5, "qq1 to be closed")
    other.emit(ev.group_msg(G, U, "ping 换了"))
    other.wait_send("pong 换了")


def test_watchdog_is_fed(bench, napcat):
    redis = bench.redis()
    daemon = bench.sopd({"redis": redis.url, "sop": [TEST_SOP], "gateways": [gateway_entry(napcat)]},
                        env={"WATCHDOG_USEC": "600000"})
    wait_until(lambda: sum(line == "WATCHDOG=1" for _, line in daemon.notifications) >= 3, 4)


def test_committed_messages_are_sent_after_a_restart(bench, napcat):
    """Kill -9 with messages committed and not yet written: they go out once after the restart."""
    daemon = bench.served(napcat, entry={"pace": {"account": [{"per": "1ms", "burst": 100}],
                                                  "chat": [{"per": "400ms", "burst": 1}]}})
    say(napcat, "连发 6")
    napcat.wait_send("第 2 条")
    daemon.kill()
    assert len(store.outbox(daemon.redis.client)) >= 3
    daemon.start()
    napcat.wait_send("第 6 条", timeout=12)
    wait_until(lambda: not store.outbox(daemon.redis.client), 5, what="the outbox to be empty")
    texts = [a.text for a in napcat.sends()]
    for i in range(1, 7):
        assert 1 <= texts.count("第 %d 条" % i) <= (2 if i in (2, 3) else 1), texts


def test_unknown_send_is_settled_by_history_after_a_restart(bench, napcat):
    """Written, delivered, and the answer lost with the process: the history shows it, so it is not repeated."""
    daemon = bench.served(napcat, entry={"catchup": 20, "timing": {"settle": "2s"}})
    napcat.answers["send_group_msg"] = SILENCE
    say(napcat, "ping 一次")
    action = napcat.wait_send("pong 一次")
    time.sleep(0.2)
    daemon.kill()
    own = ev.group_msg(G, ev.SELF, action.params["message"], message_id=205113777)
    napcat.history[G] = [own]
    napcat.answers.clear()
    daemon.start()
    napcat.wait_action("get_group_msg_history", timeout=10)
    wait_until(lambda: not store.outbox(daemon.redis.client), 10, what="the outbox to be settled")
    assert len(napcat.sends("pong 一次")) == 1


def test_repeated_events_after_kill_commit_nothing(bench, napcat):
    daemon = bench.served(napcat)
    for i in range(20):
        say(napcat, "累计", user=U + i)
    napcat.wait_send("累计 20")
    daemon.kill()
    daemon.start()
    napcat.wait_link(2)
    napcat.repeat_last(20)
    say(napcat, "累计", user=U + 50)
    napcat.wait_send("累计 21")
    assert store.group(daemon.redis.client, "state", G)["total"] == "21"


# -- embedded Redis ---------------------------------------------------------------------------------


def embedded(bench, napcat, **config):
    daemon = bench.sopd({"sop": [TEST_SOP], "gateways": [gateway_entry(napcat)], **config})
    napcat.wait_ready()
    return daemon


def redis_pid(daemon):
    for entry in os.listdir("/proc"):
        try:
            if "redis-server" in os.readlink("/proc/%s/exe" % entry) or \
                    "redis-check" in os.readlink("/proc/%s/exe" % entry):
                if os.path.realpath(daemon.config["data_dir"]) in os.readlink("/proc/%s/cwd" % entry):
                    return int(entry)
        except OSError:
            continue
    return None


def total(napcat, count):
    return napcat.wait_send("累计 %d" % count, timeout=10)


def test_embedded_redis_keeps_state_over_restarts(bench, napcat):
    daemon = embedded(bench, napcat)
    data = daemon.config["data_dir"]
    assert os.stat(data).st_mode & 0o077 == 0, "the data directory is private"
    say(napcat, "累计")
    total(napcat, 1)
    assert daemon.stop() == 0
    assert redis_pid(daemon) is None, "redis-server ended with sopd"
    daemon.start()
    napcat.wait_link(2)
    say(napcat, "累计")
    total(napcat, 2)


def test_embedded_redis_is_restarted_when_it_dies(bench, napcat):
    daemon = embedded(bench, napcat)
    say(napcat, "累计")
    total(napcat, 1)
    time.sleep(1.2)            # appendfsync everysec
    pid = redis_pid(daemon)
    os.kill(pid, signal.SIGKILL)
    say(napcat, "累计")
    total(napcat, 2)
    assert redis_pid(daemon) not in (None, pid)
    assert napcat.conns[0].open, "the gateway stayed connected"


def test_embedded_redis_after_kill_of_both(bench, napcat):
    daemon = embedded(bench, napcat)
    say(napcat, "累计")
    total(napcat, 1)
    time.sleep(1.2)
    pid = redis_pid(daemon)
    daemon.kill()
    os.kill(pid, signal.SIGKILL)
    daemon.start()
    napcat.wait_link(2)
    say(napcat, "累计")
    total(napcat, 2)


def test_embedded_redis_that_outlived_sopd_is_no_obstacle(bench, napcat):
    daemon = embedded(bench, napcat)
    say(napcat, "累计")
    total(napcat, 1)
    daemon.kill()
    daemon.start()
    napcat.wait_link(2)
    say(napcat, "累计")
    total(napcat, 2)


def test_a_data_directory_in_use_is_refused(bench, napcat):
    daemon = embedded(bench, napcat)
    done = run("serve", "--config", daemon.config_path)
    assert done.returncode == IN_USE
    assert daemon.config["data_dir"] in done.stderr and str(daemon.pid) in done.stderr
    assert daemon.running()


def test_a_data_directory_that_cannot_be_made(bench, box):
    daemon = bench.sopd({"data_dir": "/proc/nowhere", "sop": [TEST_SOP], "gateways": []}, start=False)
    daemon.start(ready=False)
    assert daemon.wait_exit() == 1
    assert "/proc/nowhere" in daemon.log()


@pytest.mark.parametrize("name", ["短", "long" * 30])
def test_a_long_data_directory(bench, napcat, box, name):
    daemon = bench.sopd({"data_dir": os.path.join(box, name), "sop": [TEST_SOP],
                         "gateways": [gateway_entry(napcat, timing=FAST)]}, start=False)
    daemon.start(ready=False)
    wait_until(lambda: any(line == "READY=1" for _, line in daemon.notifications) or not daemon.running(), 10)
    if daemon.running():
        napcat.wait_ready()
        say(napcat, "累计")
        total(napcat, 1)
    else:
        assert daemon.wait_exit() in (1, 3) and "path" in daemon.log()
