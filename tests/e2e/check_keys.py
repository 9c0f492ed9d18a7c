#!/usr/bin/env python3
"""check_keys.py SOPD FOLDER: compares the keys that the other tests left in Redis with the catalogue (`sopd ctl keys`).

FOLDER holds what the tests wrote there ($SOPD_KEYS_DIR): lines "type key". A key, or a type, that the catalogue does not know
fails by name; keys of the catalogue that no test has left are named. Files older than the program are of another build."""

import json
import os
import re
import subprocess
import sys

OTHERS = re.compile(r"^sopd:\{?(test|x)\b|^(?!sopd:)")     # what tests write for themselves


def pattern(key):
    """"sopd:{<gateway>}:m:<flow>..." as an expression; parts hold no colon and no brace."""
    return re.compile("^" + "[^:{}]*".join(re.escape(piece) for piece in re.split(r"<[a-z]+>", key)) + "$")


def main():
    sopd, folder = sys.argv[1:3]
    files = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".keys")] if os.path.isdir(folder) else []
    files = [name for name in files if os.path.getmtime(name) > os.path.getmtime(sopd)]
    if not files:
        print("no test has left keys in %s since %s was built" % (folder, sopd))
        return 77
    listed = json.loads(subprocess.run([sopd, "ctl", "--data-dir", folder, "--json", "keys"], check=True, capture_output=True).stdout)
    kinds = [(pattern(kind["key"]), kind) for kind in listed["keys"]]
    unknown, seen, keys = {}, set(), 0
    for name in files:
        with open(name, encoding="utf-8", errors="replace") as lines:
            for line in set(lines):
                kind, key = line.rstrip("\n").split(" ", 1)
                if OTHERS.match(key):
                    continue
                keys += 1
                fits = [k for p, k in kinds if p.match(key)]
                if any(k["type"] in (kind, "any") for k in fits):
                    seen.update(k["key"] for k in fits)
                else:
                    where = " (the catalogue says %s)" % fits[0]["type"] if fits else ""
                    unknown.setdefault("%s, a %s%s" % (re.sub(r"\d+", "0", key), kind, where), key)
    never = [k["key"] for _, k in kinds if k["key"] not in seen]
    print("%d keys of %d files, %d of %d kinds" % (keys, len(files), len(seen), len(kinds)))
    if never:
        print("no test has left:\n  " + "\n  ".join(never))
    for what, example in sorted(unknown.items()):
        print("not in the catalogue: %s, for example %s" % (what, example))
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
