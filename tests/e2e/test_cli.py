"""The command line: subcommands, exit codes, and what check finds."""

import os
import re

import pytest

from harness import ROOT, TEST_SOP, lua_value, run

OK, FAILED, USAGE, PROBLEMS, IN_USE = 0, 1, 2, 3, 4
COMMANDS = ["serve", "check", "play", "ctl", "version"]


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


def config_file(box, sop=None, text=None, **more):
    settings = {"data_dir": box + "/data", "http": "127.0.0.1:9180", "sop": [sop or TEST_SOP],
                "gateways": [{"name": "qq1", "type": "onebot11", "mode": "forward",
                              "url": "ws://127.0.0.1:3001/"}], **more}
    return write(box + "/sopd.lua", text or "return " + lua_value(settings) + "\n")


def test_version():
    done = run("version")
    assert done.returncode == OK and re.match(r"sopd \d+\.\d+\.\d+", done.stdout)
    assert run("--version").stdout == done.stdout


def test_help_names_every_command():
    done = run("--help")
    assert done.returncode == OK and done.stderr == ""
    for command in COMMANDS:
        assert re.search(r"^\s+%s\b" % command, done.stdout, re.M), command


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command):
    done = run(command, "--help")
    assert done.returncode == OK
    assert "sopd " + command in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("args", [
    (), ("dance",), ("serve", "--config"), ("serve", "--port", "1"), ("check", "--what"),
    ("serve", "--config", "a", "b"), ("ctl",), ("version", "x")])
def test_usage_errors(args):
    done = run(*args)
    assert done.returncode == USAGE, done
    assert done.stdout == "" and done.stderr
    assert "--help" in done.stderr


def test_usage_errors_name_what_is_wrong(box):
    assert "serv" in run("serv", "--config", "x").stderr
    assert "--confg" in run("serve", "--confg", "x").stderr
    done = run("ctl", "--config", config_file(box), "dance")
    assert done.returncode == USAGE and "dance" in done.stderr


def test_check_of_a_good_folder(box):
    done = run("check", "--config", config_file(box))
    assert done.returncode == OK, done.stderr
    assert not os.path.exists(box + "/data"), "check touches nothing"


def test_check_of_the_shipped_sop(box):
    done = run("check", "--config", config_file(box, sop=os.path.join(ROOT, "sop")))
    assert done.returncode == OK, done.stdout + done.stderr


def test_a_missing_configuration(box):
    for command in ("check", "serve"):
        done = run(command, "--config", box + "/nowhere.lua")
        assert done.returncode == PROBLEMS
        assert box + "/nowhere.lua" in done.stderr


def test_check_reports_every_problem_in_one_run(box):
    sop = box + "/sop"
    write(sop + "/flows/syntax.lua", "local flow = sop.flow('syntax', {})\nflow:on('message', function(c)\n"
                                     "  local x = = 1\nend)\nreturn flow\n")
    write(sop + "/flows/name.lua", "local flow = sop.flow('name', {})\n\nflow:onn('message', function() end)\n"
                                   "return flow\n")
    write(sop + "/flows/param.lua", "local flow = sop.flow('param', { params = {\n"
                                    "  days = { 'integer', default = 28, min = 1, max = 366 } } })\n"
                                    "return flow\n")
    write(sop + "/playbooks/one.lua", "return {\n  groups = { 'all' },\n  flows = {\n    'syntax', 'name',\n"
                                      "    'missing',\n    { 'param', days = 400, dyas = 1 },\n  },\n"
                                      "  timezone = 'Asia/Shangai',\n  quite = { '22:00', '07:00' },\n}\n")
    done = run("check", "--config", config_file(box, sop=sop))
    text = done.stdout + done.stderr
    assert done.returncode == PROBLEMS
    assert re.search(r"flows/syntax\.lua:3: ", text)
    assert re.search(r"flows/name\.lua:3: .*onn", text)
    assert re.search(r"playbooks/one\.lua:\d+: .*missing", text)
    assert re.search(r"playbooks/one\.lua:\d+: .*days.*366", text)
    assert re.search(r"playbooks/one\.lua:\d+: .*dyas.*days", text), "the nearest known name"
    assert re.search(r"playbooks/one\.lua:\d+: .*Asia/Shangai", text)
    assert re.search(r"playbooks/one\.lua:\d+: .*quite.*quiet", text)


CONFIG_ERRORS = [
    ("return {\n  data_dri = '/tmp/x',\n}", 2, "data_dri.*data_dir"),
    ("return {\n  data_dir = 5,\n}", 2, "data_dir.*(text|string)"),
    ("return {\n  redis = 'http://x',\n}", 2, "redis"),
    ("return {\n  redis = 'redis://u:p@h:99999/0',\n}", 2, "redis"),
    ("return {\n  http = 'nowhere',\n}", 2, "http"),
    ("return {\n  sop = 'sop', data_dir = 'x',\n  staff = { ['qq1:1'] = 'king' },\n}", 3, "role of qq1:1"),
    ("return {\n  gateways = {\n    { name = 'qq1', type = 'onebot12', url = 'ws://x/' },\n  },\n}", 3,
     "onebot12.*onebot11"),
    ("return {\n  gateways = {\n    { name = 'qq1', type = 'onebot11', mode = 'forwad', url = 'ws://x/' },\n  },\n}",
     3, "mode.*forward.*reverse"),
    ("return {\n  gateways = {\n    { name = 'qq1', type = 'onebot11', mode = 'forward', ulr = 'ws://x/' },\n  },\n}",
     3, "ulr.*url"),
    ("return {\n  gateways = {\n    { name = 'qq1', type = 'onebot11', mode = 'forward', url = 'http://x/' },\n  },\n}",
     3, "url"),
    ("return {\n  gateways = {\n    { name = 'qq1', type = 'onebot11', mode = 'forward', url = 'ws://x/',\n"
     "      timing = { fisrt = '1s' } },\n  },\n}", 4, "fisrt.*first"),
    ("return {\n  gateways = {\n    { name = 'qq1', type = 'onebot11', mode = 'forward', url = 'ws://x/',\n"
     "      timing = { first = 'soon' } },\n  },\n}", 4, "first.*duration"),
    ("return {\n  gateways = {\n    { name = 'qq1', type = 'onebot11', mode = 'forward', url = 'ws://x/',\n"
     "      pace = 'off' },\n  },\n}", 4, "pace"),
    ("return {\n  gateways = {\n    { name = 'qq1', type = 'onebot11', mode = 'forward', url = 'ws://x/',\n"
     "      token = 'a b+c' },\n  },\n}", 4, "token"),
    ("return {\n  gateways = {\n    { name = 'qq1', type = 'onebot11', mode = 'forward', url = 'ws://x/' },\n"
     "    { name = 'qq1', type = 'onebot11', mode = 'forward', url = 'ws://y/' },\n  },\n}", 4, "qq1"),
    ("return {\n  gateways = {\n    { name = 'a:b', type = 'onebot11', mode = 'forward', url = 'ws://x/' },\n  },\n}",
     3, "name"),
    ("return {\n  gateways = {\n    { name = 'qq1', type = 'onebot11', mode = 'reverse', listen = '0.0.0.0:8080' },\n"
     "  },\n}", 3, "token|loopback"),
    ("return {\n  gateways = {\n    { name = 'qq1', type = 'onebot11', mode = 'forward', url = 'ws://x/',\n"
     "      token_env = 'SOPD_NO_SUCH_VARIABLE' },\n  },\n}", 4, "SOPD_NO_SUCH_VARIABLE"),
    ("return {\n  gateways = {\n    { name = 'qq1', type = 'onebot11', mode = 'forward', url = 'ws://x/',\n"
     "      token_file = '/no/such/file' },\n  },\n}", 4, "/no/such/file"),
    ("return {\n  log = { level = 'loud' },\n}", 2, "log.level.*error"),
    ("return {\n  x = \n}", 3, ""),
    ("return 5", None, "table"),
    ("return {\n  data_dir = nil + 1,\n}", 2, ""),
    ("while true do end", None, ""),
    ("return { data_dir = ('x'):rep(1e9) }", None, ""),
    ("os.execute('touch /tmp/sopd-should-not-exist') return {}", None, ""),
]


@pytest.mark.parametrize("text, line, pattern", CONFIG_ERRORS, ids=range(len(CONFIG_ERRORS)))
def test_configuration_errors(box, text, line, pattern):
    path = config_file(box, text=text)
    done = run("check", "--config", path)
    assert done.returncode == PROBLEMS, done
    output = done.stdout + done.stderr
    where = re.escape(path) + (":%d" % line if line else "")
    assert re.search(where + ".*" + pattern, output), output
    assert not os.path.exists("/tmp/sopd-should-not-exist")


def test_configuration_errors_are_all_named_in_one_run(box):
    path = config_file(box, text="return {\n  data_dri = 'x',\n  htpp = 'y',\n  gateways = {\n"
                                 "    { name = 'q', type = 'onebot11', mode = 'forward', ulr = 'z' },\n  },\n}\n")
    output = run("check", "--config", path).stderr
    for line in (2, 3, 5):
        assert "%s:%d:" % (path, line) in output, output


def test_serve_refuses_what_check_refuses(box):
    path = config_file(box, text="return {\n  data_dri = '/tmp/x',\n}")
    done = run("serve", "--config", path)
    assert done.returncode == PROBLEMS and "data_dir" in done.stderr


def test_secrets_are_never_shown(box):
    path = config_file(box, text="return {\n  redis = 'redis://u:S3cret@h:1/0', wrong = 1,\n  gateways = {\n"
                                 "    { name = 'q', type = 'onebot11', mode = 'forward', url = 'ws://h/', "
                                 "token = 'T0psecret', wrong = 2 },\n  },\n}\n")
    done = run("check", "--config", path)
    assert "S3cret" not in done.stdout + done.stderr and "T0psecret" not in done.stdout + done.stderr


def test_ctl_without_a_daemon(box):
    done = run("ctl", "--config", config_file(box, redis="unix://" + box + "/no.sock"), "status")
    assert done.returncode in (FAILED, 5) and done.stderr
