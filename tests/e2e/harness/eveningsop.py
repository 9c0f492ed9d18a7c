"""The shipped flows with a playbook that fits a compressed evening: short windows, no quiet hours."""

import os

from .evening import GROUPS, STAFF
from .sopd import ROOT
from .util import lua_value, noon_zone

FLOWS = [
    {0: "marker"},
    {0: "welcome", "gather": "1s"},
    {0: "checkin", "remind": "23:58", "summary": "23:59"},
    {0: "redpacket", "organiser": "福利店", "nightly": False, "packet_max": 5000, "day_max": 5000},
    {0: "chaperone"},
]
MARKER = 3777777777     # the user whose messages only the marker flow sees


def make_sop(box, flows=None, **fields):
    """A SOP folder under box; returns its path. `fields` replace those of the playbook."""
    sop = os.path.join(box, "evening-sop")
    os.makedirs(os.path.join(sop, "playbooks"), exist_ok=True)
    os.makedirs(os.path.join(sop, "flows"), exist_ok=True)
    sources = [os.path.join("sop", folder) for folder in ("lib", "texts")]
    sources += [os.path.join("sop", "flows", name) for name in os.listdir(os.path.join(ROOT, "sop", "flows"))]
    sources.append(os.path.join("tests", "e2e", "sop", "flows", "marker.lua"))
    for source in sources:
        link = os.path.join(sop, "flows" if source.endswith(".lua") else "", os.path.basename(source))
        if not os.path.exists(link):
            os.symlink(os.path.join(ROOT, source), link)
    playbook = {
        "title": "晚间回放",
        "groups": ["qq1:%d" % group for group in GROUPS],
        "private": False,
        "timezone": noon_zone(),
        "staff": {"qq1:%d" % STAFF: "store"},
        "staff_chat": "qq1:700000099",
        "keepers": False,
        **fields,
    }
    lines = [lua_value(playbook)[:-2] + ",", '  ["flows"] = {']
    for entry in FLOWS if flows is None else flows:
        fields = ['"%s"' % entry[0]] + ["%s = %s" % (k, lua_value(v)) for k, v in entry.items() if k]
        lines.append("    { %s }," % ", ".join(fields))
    lines.append("  },\n}")
    with open(os.path.join(sop, "playbooks", "evening.lua"), "w", encoding="utf-8") as out:
        out.write("return " + "\n".join(lines) + "\n")
    return sop
