# Helpers: headings, checks, and processes that are started, waited for and always stopped.
# shellcheck shell=bash

work=$(mktemp -d "${TMPDIR:-/tmp}/mirror-ci.XXXXXX")   # all state of this run
passed=0 failed=0
started=()                                             # process groups, in the order of their start
at_exit=()                                             # commands to run before those are stopped, each as one text

# No client may read or write the settings of whoever runs this.
export DOCKER_CONFIG=$work/docker-config XDG_RUNTIME_DIR=$work/runtime
mkdir -p "$DOCKER_CONFIG" "$XDG_RUNTIME_DIR" "$work/logs"
echo '{}' >"$DOCKER_CONFIG/config.json"                # podman wants the file it was pointed to
echo "$((RANDOM % 1000)) 1000" >"$work/ports"          # the next port that is tried, and how many may be: see free_ports

heading() {
  printf '\n=== %s (%d s) ===\n' "$1" "$SECONDS"
}

# check WHAT COMMAND...: one line, `ok WHAT` or `FAIL WHAT`; a failure is told in full and the run goes on.
# `passing` is then true or false, for a caller with nothing left to do after a failure.
check() {
  local what=$1 status began=$SECONDS
  shift
  # A subshell of its own, outside of any condition: only there `set -e` stops COMMAND at its first failing line.
  set +e
  (set -e; "$@") >"$work/check.out" 2>&1 </dev/null
  status=$?
  set -e
  if ((status == 0)); then
    passing=true passed=$((passed + 1))
    echo "ok $what$( ((SECONDS - began < 5)) || echo " ($((SECONDS - began)) s)")"
  else
    passing=false failed=$((failed + 1))
    echo "FAIL $what"
    tail -n 15 "$work/check.out" | sed 's/^/     /'
  fi
}

# same WHAT EXPECTED ACTUAL: for use inside a check.
same() {
  [[ $2 == "$3" ]] || { printf '%s\n  expected: %s\n  but was:  %s\n' "$1" "$2" "$3"; return 1; }
}

# limit COMMAND...: no client may hang the run.
limit() {
  timeout --kill-after=10 180 "$@"
}

# free_ports COUNT: free ports that no outgoing connection is ever given, so that they can be left and taken again. (And a connection to a closed port among
# those that are given out may, once in a while, reach itself.) Never the same twice in a run, from 10000 to 10999: the tests in Java, which run at the same
# time, begin at 12000, and the programs that src/attack starts have those from 11000.
free_ports() {
  perl -MFcntl=:flock -MIO::Socket::INET -e '
    my ($count, $file) = @ARGV;
    open my $state, "+<", $file or die "$file: $!";
    flock $state, LOCK_EX;
    my ($next, $left) = split " ", <$state>;
    while (@free < $count) {
      die "no free port is left\n" unless $left-- > 0;
      my $port = 10000 + $next++ % 1000;
      push @free, $port if IO::Socket::INET->new(Listen => 1, LocalPort => $port);
    }
    seek $state, 0, 0;
    truncate $state, 0;
    print $state "$next $left";
    print "@free"' "$1" "$work/ports"
}

free_port() {
  free_ports 1
}

# until_true SECONDS COMMAND...: until COMMAND succeeds.
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || { echo "not in time: $*"; "$@"; return 1; }
    sleep 0.2
  done
}

# start NAME COMMAND...: in the background, output in logs/NAME.log. Sets `pid`.
start() {
  local name=$1
  shift
  setsid "$@" >"$work/logs/$name.log" 2>&1 </dev/null &
  pid=$!
  started+=("$pid")
}

# wait_for NAME COMMAND...: until COMMAND succeeds; gives up after 60 s or when the process of `pid` has ended.
wait_for() {
  local name=$1 deadline=$((SECONDS + 60))
  shift
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS > deadline)) || ! kill -0 "$pid" 2>/dev/null; then
      echo "$name did not come up in $((SECONDS - deadline + 60)) s:" >&2
      tail -n 40 "$work/logs/$name.log" >&2
      return 1
    fi
    sleep 0.1
  done
}

# stop PID: politely, then not.
stop() {
  kill -TERM -- "-$1" 2>/dev/null || return 0
  for _ in {1..100}; do
    kill -0 -- "-$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL -- "-$1" 2>/dev/null || true
}

clean_up() {
  local status=$? i
  trap - EXIT
  set +e
  for i in "${at_exit[@]}"; do eval "$i" >/dev/null 2>&1; done
  for ((i = ${#started[@]} - 1; i >= 0; i--)); do stop "${started[i]}"; done
  wait 2>/dev/null
  # Whatever a daemon that had to be killed left mounted would make the removal reach into it.
  awk -v work="$work/" 'index($2, work) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l
  rm -rf "$work"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# finish: the last lines of the run; any failed check makes it fail.
finish() {
  local log
  if ((failed)); then
    for log in "$work"/logs/mirror*.log; do
      [[ -e $log ]] || continue
      printf '\n--- the end of %s\n' "${log##*/}"
      tail -n 40 "$log"
    done
  fi
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0))
}
