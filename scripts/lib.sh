# Sourced by the other scripts: the project's folder and a few words they share.
# shellcheck shell=bash

SOPD_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export SOPD_ROOT
PYTHON=/usr/bin/python3 # the one that Debian's python3-* packages belong to
export PYTHON

say() { printf '%s\n' "$*" >&2; }

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

usage_error() {
    printf '%s: %s (see --help)\n' "$(basename "$0")" "$*" >&2
    exit 2
}

# The folder of a preset's build.
build_dir() {
    case "$1" in
    release) printf '%s/build\n' "$SOPD_ROOT" ;;
    *) printf '%s/build-%s\n' "$SOPD_ROOT" "$1" ;;
    esac
}

# Print the comment block at the head of the calling script: its help text.
print_help() {
    sed -n '2,/^[^#]/{/^#/{s/^# \{0,1\}//;p;};}' "$0"
}
