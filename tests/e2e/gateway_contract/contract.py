"""What the contract tests ask a daemon."""

from harness import wait_until


def link(daemon, name="gw"):
    for gateway in daemon.health()[1]["gateways"]:
        if gateway["name"] == name:
            return gateway["link"]
    raise AssertionError("no gateway " + name)


def wait_link(daemon, *states, name="gw", timeout=10.0):
    wait_until(lambda: link(daemon, name) in states, timeout, every=0.02,
               what=lambda: "link %s, is %s" % (states, link(daemon, name)))


def relink(codec, daemon, timeout=10.0):
    """The link is reset, and back. (Between two looks at the state it may have come and gone.)"""
    before = daemon.metrics().get("sopd_reconnects_total", gateway="gw")
    codec.drop()
    daemon.wait_metric("sopd_reconnects_total", before + 1, timeout, gateway="gw")
    wait_link(daemon, "up", timeout=timeout)
