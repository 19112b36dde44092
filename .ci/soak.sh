# A soak: minutes of mixed pulls, and of pushes to cold, while the registries are killed, stopped, restarted and slowed. The program in src/soak does it and
# says what is right; here is what it works on, and what must hold in the end. SOAK_SECONDS, SOAK_SEED, SOAK_CLIENTS and SOAK_RATE
# (requests a second, at most) change it; the same seed brings the same faults in the same order.
# shellcheck shell=bash

check_soak() {
  local seconds=${SOAK_SECONDS:-300} seed=${SOAK_SEED:-2718281} folder=$work/soak java soak mirror_pid registry
  java=$(jdk 17 || jdk 25)/bin
  mkdir -p "$folder"
  fill_for_soak
  catalog >"$folder/catalog"

  # Registries of their own on the same storage: whatever happens to them, the other steps' go on.
  local ports
  read -ra ports <<<"$(free_ports 4)"
  soak_registry hot "${ports[1]}"
  soak_registry cold "${ports[3]}" "auth: {htpasswd: {realm: cold, path: $work/htpasswd}}"
  "$java/javac" -d "$folder/classes" src/soak/*.java
  start soak "$java/java" -Xmx256m -cp "$folder/classes" soak.Soak --work "$folder" --catalog "$folder/catalog" --mirror "$folder/mirror" \
    --log "$work/logs/mirror-soak.log" --figures "$folder/figures" --jcmd "$java/jcmd" \
    --seconds "$seconds" --seed "$seed" --clients "${SOAK_CLIENTS:-24}" --rate "${SOAK_RATE:-300}" --cache 2000 \
    --hot-port "${ports[0]}" --hot-backend "${ports[1]}" --hot-config "$folder/hot.yml" \
    --cold-port "${ports[2]}" --cold-backend "${ports[3]}" --cold-config "$folder/cold.yml"
  soak=$pid
  for registry in "${ports[0]}" "${ports[2]}"; do
    wait_for soak curl -s "http://127.0.0.1:$registry/v2/"
  done
  # Where somebody may push, the registry that takes the pushes answers alone whether it has a blob: there nothing else is pulled.
  cat >"$folder/access.yaml" <<'END'
rules:
  - {who: anyone, repositories: soak/pushed, may: [pull, push]}
  - {who: anyone, repositories: "**",        may: [pull]}
END
  # Timeouts that let a hanging registry cost its first pulls seconds, several times in such a run; and a short memory.
  start_mirror soak MIRROR_REGISTRY_HOT_URL="http://127.0.0.1:${ports[0]}" MIRROR_REGISTRY_COLD_URL="http://127.0.0.1:${ports[2]}" \
    MIRROR_REGISTRY_COLD_USERNAME="${cold_account%%:*}" MIRROR_REGISTRY_COLD_PASSWORD="${cold_account#*:}" \
    MIRROR_REGISTRY_HOT_CONNECT_TIMEOUT=1s MIRROR_REGISTRY_HOT_RESPONSE_TIMEOUT=3s \
    MIRROR_REGISTRY_COLD_CONNECT_TIMEOUT=1s MIRROR_REGISTRY_COLD_RESPONSE_TIMEOUT=3s \
    MIRROR_CACHE_TAG_TTL=2s MIRROR_CACHE_MISS_TTL=2s \
    MIRROR_ACCESS_FILE="$folder/access.yaml" MIRROR_SECRET="a secret of this run" MIRROR_PUSH_REGISTRY=cold MIRROR_PUSH_COMMIT_TIMEOUT=3s
  mirror_pid=$pid
  echo "$mirror $pid $management" >"$folder/mirror.part"
  mv "$folder/mirror.part" "$folder/mirror"

  tail -n +1 -f --pid="$soak" "$work/logs/soak.log"
  stop "$mirror_pid"
  wait "$soak" || echo "the soak ended with $?"
  check "no wrong answer (seed $seed)"                  at_most wrong 0
  # One that was late for some calls only is asked last for five times its patience of 2 s.
  check "no registry stays slow for 13 s after trouble" at_most slow_ms 13000
  check "the mirror is still there"                     at_least alive 1
  check "no client waits for ever"                      at_most stuck 0
  check "cold served while hot was away"                at_least from_cold 100
  check "images were pushed all the while"              at_least pushed $((seconds / 2))
  check "threads: at most 4 more than before"           at_most threads 4
  check "file handles: at most 20 more than before"     at_most files 20
  check "heap after a collection: at most 32 MB more"   at_most heap_kb 32768
  check "the mirror's log has no error"                 no_errors "$work/logs/mirror-soak.log"
}

# One image on both, so that cold can take hot's place; a larger layer where it is streamed; tags that only one has.
fill_for_soak() {
  layout "$layouts/soak-both" "$(image "$layouts/soak-both" amd64 300000 2000000)"
  layout "$layouts/soak-hot" "$(image "$layouts/soak-hot" amd64 50000)"
  layout "$layouts/soak-cold" "$(image "$layouts/soak-cold" amd64 50000 8000000)"
  push "$layouts/soak-both" hot/soak/app:1
  push "$layouts/soak-both" cold/soak/app:1
  push "$layouts/soak-hot" hot/soak/app:hot
  push "$layouts/soak-cold" cold/soak/app:cold
}

# catalog: what the soak has to know of what is where.
catalog() {
  describe team/hot-only 1 hot-only hot
  describe team/cold-only 1 cold-only cold
  describe team/both 1 both-hot hot
  describe team/both 1 both-cold cold
  describe team/split 1 split hot,cold
  echo "without team/split $(layer_of split) hot"
  describe team/multi 1 multi cold
  describe team/layers hot layers hot
  describe team/layers cold layers cold
  describe team/large 1 large cold
  describe soak/app 1 soak-both hot,cold
  describe soak/app hot soak-hot hot
  describe soak/app cold soak-cold cold
}

# describe REPOSITORY TAG LAYOUT REGISTRIES
describe() {
  local layout=$layouts/$3 top digest part
  top=$(digest_of "$layout")
  for digest in "$top" $(jq -r '.manifests[]?.digest' "$(blob_of "$layout" "$top")"); do
    echo "manifest $1 $digest $(jq -r .mediaType "$(blob_of "$layout" "$digest")") $(blob_of "$layout" "$digest") $4"
    for part in $(jq -r '.config.digest // empty, .layers[]?.digest' "$(blob_of "$layout" "$digest")"); do
      echo "blob $1 $part $(blob_of "$layout" "$part") $4"
    done
  done
  echo "tag $1 $2 $top $4"
}

# soak_registry NAME PORT [MORE]: the configuration of one that serves what NAME has.
soak_registry() {
  cat >"$work/soak/$1.yml" <<CONFIG
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/$1}}
http: {addr: "127.0.0.1:$2", secret: so that uploads outlive it}
${3:-}
CONFIG
}

# For use inside a check: at_most FIGURE NUMBER, at_least FIGURE NUMBER.
at_most() {
  (($(figure "$1") <= $2)) || { echo "$1: $(figure "$1")"; return 1; }
}

at_least() {
  (($(figure "$1") >= $2)) || { echo "$1: $(figure "$1")"; return 1; }
}

figure() {
  sed -n "s/^$1=//p" "$work/soak/figures" | grep .
}

no_errors() {
  ! grep -E -m 10 -A 3 '^[^ ]+ ERROR |Unhandled exception' "$1"
}
