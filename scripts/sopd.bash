# sopd.bash -- completion for bash: commands, options, and after `ctl` the names of gateways, chats and flows that the daemon knows.
# Source it, or install it as /usr/share/bash-completion/completions/sopd (cmake --install does). What can be said is taken from
# the help texts of the program itself, so nothing has to be kept in step here. A daemon that does not answer costs a second at most.

# The words of the help's command lists, and the options that stand in it.
_sopd_commands() {
  "$@" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p' | sort -u
}

# Second words of a command of ctl: "runs list", "toggles set" ...
_sopd_second() {
  "$1" ctl --help 2>/dev/null | sed -n "s/^  $2 \([a-z][a-z-]*\)\( .*\)\{0,1\}\$/\1/p" | sort -u
}

_sopd_options() {
  "$@" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]+' | sort -u
}

# Options that the help of ctl names in the lines of one command.
_sopd_ctl_options() {
  "$1" ctl --help 2>/dev/null |
    awk -v c="$2" '/^  [a-z]/ { on = ($1 == c) } /^ *$/ { on = 0 } on' | grep -oE -- '--[a-z][a-z-]+' | sort -u
  echo --json
}

# Names that the running daemon knows, asked for with the options that say where it is.
_sopd_ask() {
  timeout 1 "${_sopd_where[@]}" "$@" --json 2>/dev/null
}

_sopd_chats() {
  _sopd_ask chats | awk -F'"' '$2 == "gateway" { gw = $4 } $2 == "chat" { print gw ":" $4 }'
}

_sopd_gateways() {
  _sopd_ask gateways | awk -F'"' '$2 == "name" { print $4 }'
}

_sopd_flows() {
  _sopd_ask flows | awk -F'"' '$2 == "flow" { print $4 }' | sort -u
}

# flow.parameter of those that are set.
_sopd_params() {
  _sopd_ask param list | awk -F'"' '$2 == "param" { print $4 }' | sort -u
}

_sopd_reply() {
  local IFS=$'\n'
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
  if declare -F __ltrim_colon_completions >/dev/null; then
    __ltrim_colon_completions "$cur"
  fi
}

# Files (-f) or folders (-d).
_sopd_files() {
  mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
}

_sopd() {
  local cur prev words cword
  if declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref -n : cur prev words cword
  else
    words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
    cur=${words[cword]} prev=${words[cword - 1]}
  fi
  local program=${words[0]} command=${words[1]}

  case $prev in
    -c | --config | -o | --out | --output) _sopd_files -f; return ;;
    -d | --data-dir | --sop) _sopd_files -d; return ;;
  esac
  if ((cword == 1)); then
    _sopd_reply "$(_sopd_commands "$program")"
    return
  fi
  if [[ $command != ctl ]]; then
    if [[ $cur == -* ]]; then
      _sopd_reply "$(_sopd_options "$program" "$command")"
    else
      _sopd_files -f
    fi
    return
  fi

  # where the daemon is, and which of its commands this is
  local i=2 where=("$program" ctl)
  while ((i < cword)) && [[ ${words[i]} == -* ]]; do
    case ${words[i]} in
      -c | --config | -d | --data-dir) where+=("${words[i]}" "${words[i + 1]}"); ((i += 2)) ;;
      *) ((i += 1)) ;;
    esac
  done
  local -a _sopd_where=("${where[@]}")
  local asked=${words[i]}
  case $prev in
    --chat) _sopd_reply "$(_sopd_chats)"; return ;;
    --gateway) _sopd_reply "$(_sopd_gateways)"; return ;;
    --flow) _sopd_reply "$(_sopd_flows)"; return ;;
    --kind) _sopd_reply $'answer\ngame\nbroadcast\ndm\nat_all'; return ;;
  esac
  if ((cword == i)); then
    _sopd_reply "$(if [[ $cur == -* ]]; then _sopd_options "$program" ctl; else _sopd_commands "$program" ctl; fi)"
  elif [[ $cur == -* ]]; then
    _sopd_reply "$(_sopd_ctl_options "$program" "$asked")"
  elif ((cword == i + 1)); then
    case $asked in
      chats | outbox | quota) _sopd_reply "$(_sopd_gateways)" ;;
      flows | draws | verify-draw | lists | why | explain | tag | export | report) _sopd_reply "$(_sopd_chats)" ;;
      pause | migrate | rollout | rollback | plan) _sopd_reply "$(_sopd_flows)" ;;
      toggle) _sopd_reply "$(_sopd_flows)" ;;
      resume) _sopd_reply "$(_sopd_flows; _sopd_chats)" ;;
      kill) _sopd_reply off ;;
      import) _sopd_files -f ;;
      *) _sopd_reply "$(_sopd_second "$program" "$asked")" ;;
    esac
  elif ((cword == i + 2)); then
    case $asked in
      explain | resume) _sopd_reply "$(_sopd_flows)" ;;
      param) _sopd_reply "$(_sopd_params)" ;;
      rollout) _sopd_reply $'hold\nto\nfree' ;;
      toggle) _sopd_reply $'on\noff\ndefault' ;;
    esac
  fi
}

complete -F _sopd sopd
