# Warming through the packaged program: images that a far registry served arrive whole at a near one. The far one is docker-registry 2.8 with an account, the
# near one distribution v3 with another. Pulls, lists and requests; kills of the mirror, of its database and of the registries; two replicas with PostgreSQL;
# the limit of bytes a second. Needs `packages`, `package` and `registries`.
# shellcheck shell=bash

near_account=copier:near-sesame
replica_images=200

check_warm() {
  local far=127.0.0.1:$(free_port) near=127.0.0.1:$(free_port) near_pid far_pid postgres postgres_data=$work/postgres PATH=$work/bin:$PATH
  local database=(MIRROR_STORE_URL="jdbc:h2:file:$work/warm/queue")
  mkdir -p "$work/warm"
  [[ -x $work/bin/registry ]] || twice env GOBIN="$work/bin" go install "$distribution" >"$work/logs/go-install.log" 2>&1
  start_far
  start_near
  fill_for_warm
  check_copies
  check_kills
  check_outages
  check_bandwidth
  check_warm_replicas
}

# --- the registries

start_far() {
  requests_logged=true start_registry far "$far" "$(with_account far)"
  far_pid=$pid
}

# start_near: its log has a line for each request.
start_near() {
  htpasswd -Bbn "${near_account%%:*}" "${near_account#*:}" >"$work/near.htpasswd" 2>/dev/null
  cat >"$work/near.yml" <<END
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: $work/near}}
http: {addr: "$near"}
auth: {htpasswd: {realm: near, path: $work/near.htpasswd}}
END
  start registry-near env OTEL_TRACES_EXPORTER=none registry serve "$work/near.yml"
  near_pid=$pid
  wait_for registry-near curl -s "http://$near/v2/"
}

fill_for_warm() {
  local name amd arm
  for name in pulled asked listed-1 listed-2 limited; do
    layout "$layouts/warm-$name" "$(image "$layouts/warm-$name" amd64 100000 200000)"
  done
  push "$layouts/warm-pulled" far/team/pulled:1
  push "$layouts/warm-asked" far/team/asked:1
  push "$layouts/warm-listed-1" far/team/listed:1.9
  push "$layouts/warm-listed-2" far/team/listed:1.10
  for name in two killed-index; do
    amd=$(image "$layouts/warm-$name" amd64 3000000 2000000)
    arm=$(image "$layouts/warm-$name" arm64 3000000)
    layout "$layouts/warm-$name" "$(index "$layouts/warm-$name" "$amd" "$arm")"
    push "$layouts/warm-$name" "far/team/$name:1"
  done
  push "$layouts/large" far/team/large:1
  layout "$layouts/warm-limited" "$(image "$layouts/warm-limited" amd64 200000000)"
  push "$layouts/warm-limited" far/team/limited:1
  # What refers to an image: a list under the tag that clients use, and cosign's tag.
  layout "$layouts/warm-signature" "$(index "$layouts/warm-signature" "$(artifact "$layouts/warm-signature" "$(jq -c '.manifests[0]|del(.annotations)' "$layouts/warm-two/index.json")")")"
  cold=$far push_raw "$layouts/warm-signature" "team/two:$(digest_of "$layouts/warm-two" | tr : -)"
  push "$layouts/warm-pulled" "far/team/two:$(digest_of "$layouts/warm-two" | tr : -).sig"
}

# --- the mirror

# start_warm_mirror NAME [VARIABLE=VALUE...]
start_warm_mirror() {
  start_mirror "warm-$1" MIRROR_PLAN="hot, cold" MIRROR_REGISTRY_HOT_URL="http://$near" MIRROR_REGISTRY_HOT_USERNAME="${near_account%%:*}" \
    MIRROR_REGISTRY_HOT_PASSWORD="${near_account#*:}" MIRROR_REGISTRY_COLD_URL="http://$far" MIRROR_REGISTRY_COLD_USERNAME="${cold_account%%:*}" \
    MIRROR_REGISTRY_COLD_PASSWORD="${cold_account#*:}" MIRROR_WARM_TO=hot "${database[@]}" "${@:2}"
}

kill_now() {
  kill -KILL -- "-$1" 2>/dev/null || true
  while kill -0 -- "-$1" 2>/dev/null; do sleep 0.05; done
}

near_has() {
  curl -sf -o /dev/null -I -u "$near_account" -H "Accept: $image_type, $index_type" "http://$near/v2/${1%:*}/manifests/${1##*:}"
}

# whole_at_near NAME:TAG LAYOUT: the tag means the image of the layout there, and each of its files is the same byte for byte.
whole_at_near() {
  local file digest repository=${1%:*} got=$work/warm/got
  until_true "${3:-30}" near_has "$1"
  same "digest of $1" "$(digest_of "$2")" "$(curl -sf -u "$near_account" -H "Accept: $image_type, $index_type" "http://$near/v2/$repository/manifests/${1##*:}" | sha256)"
  for file in "$2"/blobs/sha256/*; do
    digest=sha256:${file##*/}
    curl -sf -u "$near_account" -H "Accept: $image_type, $index_type" -o "$got" "http://$near/v2/$repository/manifests/$digest" \
      || curl -sf -u "$near_account" -o "$got" "http://$near/v2/$repository/blobs/$digest"
    cmp "$file" "$got"
  done
}

# asked_for IMAGE: asks the mirror to copy it.
asked_for() {
  curl -sf -X POST -H "Content-Type: application/json" -d "{\"image\":\"$1\"}" "http://$management/warm" >"$work/warm/item" || return
  jq -r .id "$work/warm/item"
}

warm_command() {
  MIRROR_MANAGEMENT_PORT=${management#*:} "$(jdk 17 || jdk 25)/bin/java" -jar "$PWD/target/mirror-registry.jar" warm "$@"
}

pulled() {
  limit skopeo copy --quiet --insecure-policy --all --preserve-digests --src-tls-verify=false "docker://$mirror/$1" "dir:$work/warm/pulled-$RANDOM$RANDOM"
}

# requests REGISTRY FROM: the requests in its log from a line on, as METHOD PATH STATUS.
requests_of() {
  tail -n "+$2" "$work/logs/registry-$1.log" | sed -nE 's/.*"(GET|HEAD|POST|PATCH|PUT|DELETE) ([^ ?"]*)[^"]*" ([0-9]{3}).*/\1 \2 \3/p'
}

lines_of() {
  echo $(($(wc -l <"$work/logs/registry-$1.log") + 1))
}

# --- pulls, lists, requests

check_copies() {
  local from_near from_far
  cat >"$work/warm/warm.yaml" <<'END'
images:
  - {name: team/listed, tags: ["1.*"], newest: 1, every: 1m}
END
  start_warm_mirror copies MIRROR_WARM_FILE="$work/warm/warm.yaml"
  from_near=$(lines_of near) from_far=$(lines_of far)
  check "an image that cold served is whole at hot"           copied_by_pull
  # Pulls of the mirror itself are among these requests.
  echo "     requests of one pull and one copy at cold: $(requests_of far "$from_far" | grep -v ' /v2/ ' | grep -c team/pulled), at hot: $(requests_of near "$from_near" | grep -c team/pulled)"
  requests_of near "$from_near" | grep team/pulled | sed 's/^/       hot  /'
  requests_of far "$from_far" | grep team/pulled | sed 's/^/       cold /'
  check "the tag is the last that hot gets"                   tag_is_last "$from_near"
  check "the next pull is served by hot"                      served_by_hot team/pulled:1
  check "an index of two platforms is whole at hot"           copied_index
  check "its list of referrers and cosign's tag are there"    copied_signatures
  check "a list copies the newest tag, and no other"          copied_by_list
  check "the command warm --wait shows progress and ends 0"   copied_by_command
  check "the command warm --wait of what nobody has ends 1"   refused_by_command
  check "a copy that is there costs no second copy"           copied_again
  stop "$pid"
}

copied_by_pull() {
  pulled team/pulled:1
  whole_at_near team/pulled:1 "$layouts/warm-pulled"
}

tag_is_last() {
  same "last PUT" "PUT /v2/team/pulled/manifests/1 201" "$(requests_of near "$1" | grep -E '^PUT /v2/team/pulled/manifests' | tail -n 1)"
}

served_by_hot() {
  until_true 10 pulled_from_hot "$1"
}

# pulled_from_hot NAME:TAG: the line of a pull may come a little later; the next try finds it.
pulled_from_hot() {
  curl -sf -o /dev/null -H "Accept: $image_type" "http://$mirror/v2/${1%:*}/manifests/${1##*:}"
  grep -E "access GET /v2/${1%:*}/manifests/${1##*:} 200 hot " "$work/logs/mirror-warm-copies.log"
}

copied_index() {
  pulled team/two:1
  whole_at_near team/two:1 "$layouts/warm-two"
}

copied_signatures() {
  local tag
  tag=$(digest_of "$layouts/warm-two" | tr : -)
  until_true 20 near_has "team/two:$tag"
  same "referrers" "$(jq -c '[.manifests[].digest]' "$(blob_of "$layouts/warm-signature" "$(digest_of "$layouts/warm-signature")")")" \
    "$(curl -sf -u "$near_account" -H "Accept: $index_type" "http://$near/v2/team/two/manifests/$tag" | jq -c '[.manifests[].digest]')"
  whole_at_near "team/two:$tag.sig" "$layouts/warm-pulled"
}

copied_by_list() {
  whole_at_near team/listed:1.10 "$layouts/warm-listed-2"
  if near_has team/listed:1.9; then return 1; fi
}

copied_by_command() {
  warm_command team/asked:1 --wait >"$work/warm/said" 2>&1
  cat "$work/warm/said"
  grep -i done "$work/warm/said"
  whole_at_near team/asked:1 "$layouts/warm-asked"
}

refused_by_command() {
  local status=0
  warm_command team/nobody:1 --wait >"$work/warm/said" 2>&1 || status=$?
  cat "$work/warm/said"
  same "exit code" 1 "$status"
}

copied_again() {
  local from
  from=$(lines_of near)
  warm_command team/two:1 --wait
  same "uploads" "" "$(requests_of near "$from" | grep -E '^(POST|PATCH|PUT) .*/blobs/' || true)"
}

# --- kill -9, and what happens after the start

check_kills() {
  kill_in_blob
  kill_in_index
}

note() {
  printf '     %(%T)T %s\n' -1 "$*"
}

bytes_done() {
  (($(bytes_of "$1") >= $2))
}

kill_in_blob() {
  local id
  start_warm_mirror blob MIRROR_WARM_BANDWIDTH=40MB
  id=$(asked_for team/large:1)
  until_true 30 bytes_done "$id" 100000000
  note "the mirror is killed after $(curl -s "http://$management/warm/$id" | jq .bytesDone) bytes of a blob of 300 MB"
  kill_now "$pid"
  start_warm_mirror blob-again
  note "it runs again"
  check "kill -9 in the middle of a blob of 300 MB: it is whole after the start" whole_at_near team/large:1 "$layouts/large" 60
  check "its upload continues after the bytes that hot had" grep -E 'The copy of the blob .* continues after [0-9]{8,} bytes' "$work/logs/mirror-warm-blob-again.log"
  note "$(grep -oE 'The copy of the blob .* bytes' "$work/logs/mirror-warm-blob-again.log" | cut -c 1-160)"
  stop "$pid"
}

kill_in_index() {
  local id from before
  start_warm_mirror index MIRROR_WARM_BANDWIDTH=2MB
  from=$(lines_of near)
  id=$(asked_for team/killed-index:1)
  until_true 30 bytes_done "$id" 5500000
  note "the mirror is killed after $(curl -s "http://$management/warm/$id" | jq .bytesDone) bytes of an index of 8 MB"
  kill_now "$pid"
  before=$(stored_blobs "$from")
  start_warm_mirror index-again
  note "it runs again"
  check "kill -9 in the middle of an index: it is whole after the start"  whole_at_near team/killed-index:1 "$layouts/warm-killed-index" 60
  note "blobs that were stored before the kill: $before, in all: $(stored_blobs "$from")"
  check "no blob was copied twice"                                        same "stored blobs" 5 "$(stored_blobs "$from")"
  stop "$pid"
}

# stored_blobs LINE: how many uploads hot has ended since then. (Three layers and two configs are in that index.)
stored_blobs() {
  requests_of near "$1" | grep -cE '^PUT .*/blobs/.* 201' || true
}

# --- registries away

check_outages() {
  outage near
  outage far
}

outage() {
  local name=team/outage-$1 id mirror_pid registry_pid=$1_pid
  push "$layouts/warm-pulled" "far/$name:1"
  start_warm_mirror "outage-$1"
  mirror_pid=$pid
  stop "${!registry_pid}"
  note "$1 is stopped, and the image asked for"
  id=$(asked_for "$name:1")
  sleep 20
  note "$(curl -s "http://$management/warm/$id" | jq -c '{state, attempts, message}')"
  if [[ $1 == near ]]; then start_near; else start_far; fi
  note "$1 runs again"
  check "$1 away for twenty seconds: the image is copied after it is back" whole_at_near "$name:1" "$layouts/warm-pulled" 60
  note "whole"
  stop "$mirror_pid"
}

# --- the limit of bytes a second

check_bandwidth() {
  start_warm_mirror limited MIRROR_WARM_BANDWIDTH=10MB
  check "copies keep to 10 MB a second, within 10 %" keeps_to_bandwidth
  sed 's/^/     /' "$work/check.out"
  stop "$pid"
}

# keeps_to_bandwidth: between 10 MB and 150 MB of the image.
keeps_to_bandwidth() {
  local id rate
  id=$(asked_for team/limited:1)
  rate=$(rate_of "$id" 10000000 150000000)
  echo "$rate bytes a second"
  ((rate >= 9437184 && rate <= 11534336))
  until_true 60 is_done "$id"
}

# rate_of ITEM FROM TO: the bytes a second between so many bytes of a copy. Readings that took longer than 50 ms do not count: it is not known when in that
# time the bytes were read.
rate_of() {
  python3 - "$management" "$@" <<'END'
import http.client
import json
import sys
import time

address, item, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
connection = http.client.HTTPConnection(address, timeout=30)
deadline = time.monotonic() + 60


def reading(least):
    """Returns the time and the bytes of the first reading with so many bytes."""
    while time.monotonic() < deadline:
        before = time.monotonic()
        connection.request("GET", f"/warm/{item}")
        done = json.loads(connection.getresponse().read())["bytesDone"]
        after = time.monotonic()
        if done >= least and after - before <= 0.05:
            return (before + after) / 2, done
        time.sleep(0.02)
    sys.exit(f"no reading of {least} bytes in time, the last has {done}")


(began, at_first), (ended, at_last) = reading(first), reading(last)
print(round((at_last - at_first) / (ended - began)))
END
}

bytes_of() {
  curl -s "http://$management/warm/$1" | jq .bytesDone
}

is_done() {
  [[ $(curl -s "http://$management/warm/$1" | jq -r .state) == done ]]
}

# --- two replicas with PostgreSQL

check_warm_replicas() {
  local first second first_management from
  start_postgres
  database=(MIRROR_STORE_URL="jdbc:postgresql://127.0.0.1:$postgres/mirror" MIRROR_STORE_USERNAME=mirror MIRROR_STORE_PASSWORD=mirror)
  fill_for_replicas
  start_warm_mirror first MIRROR_WARM_BANDWIDTH=1MB
  first=$pid first_management=$management
  start_warm_mirror second MIRROR_WARM_BANDWIDTH=1MB
  second=$pid
  from=$(lines_of near)
  note "$replica_images images are asked for at both mirrors"
  ask_for_all "$first_management" >"$work/warm/asked-first" &
  ask_for_all "$management" >"$work/warm/asked-second"
  wait "$!"
  check "both mirrors have the same item for each image" same items "$(sort "$work/warm/asked-first")" "$(sort "$work/warm/asked-second")"
  until_true 60 finished 60
  note "one mirror is killed after $(finished_items) images"
  kill_now "$first"
  check "all $replica_images images are copied within two minutes of the kill of one mirror" until_true 120 finished "$replica_images"
  note "all are copied"
  check "the base layer and each other blob was stored once" stored_once "$from"
  check "a sample of them is whole"                          sample_is_whole
  kill_now "$postgres_pid"
  note "PostgreSQL is killed"
  push "$layouts/warm-pulled" far/team/without-database:1
  check "pulls of what only far has continue without the database" pulled team/without-database:1
  check "health says so, the mirror stays ready"             database_is_away
  start_postgres
  note "PostgreSQL runs again"
  check "an image that was asked for after that is copied"   copied_after_database
  check "so is the one that was pulled without the database" whole_at_near team/without-database:1 "$layouts/warm-pulled" 60
  stop "$second"
}

# ask_for_all MANAGEMENT: prints image and item of each.
ask_for_all() {
  seq "$replica_images" | xargs -P 4 -I N curl -sf -X POST -H "Content-Type: application/json" -d '{"image":"many/app-N:1"}' "http://$1/warm" | jq -r '"\(.image) \(.id)"'
}

# start_postgres: sets `postgres` to its port.
start_postgres() {
  local programs
  programs=$(dirname "$(ls -d /usr/lib/postgresql/*/bin/initdb | tail -n 1)")
  if [[ ! -d $postgres_data ]]; then
    postgres=$(free_port)
    install -d -o postgres "$postgres_data"
    chmod a+x "$work"
    setpriv --reuid=postgres --regid=postgres --clear-groups "$programs/initdb" -D "$postgres_data/db" -A trust >"$work/logs/initdb.log"
  fi
  start postgres setpriv --reuid=postgres --regid=postgres --clear-groups "$programs/postgres" -D "$postgres_data/db" -p "$postgres" -k "$postgres_data" \
    -c listen_addresses=127.0.0.1
  postgres_pid=$pid
  wait_for postgres psql -h 127.0.0.1 -p "$postgres" -U postgres -c 'select 1'
  psql -q -h 127.0.0.1 -p "$postgres" -U postgres -c "create role mirror login password 'mirror'" -c "create database mirror owner mirror" 2>/dev/null || true
}

# fill_for_replicas: images that have their first layer in common.
fill_for_replicas() {
  local number base config layer manifest url=http://$far/v2
  head -c 2000000 /dev/urandom >"$work/warm/base"
  for ((number = 1; number <= replica_images; number++)); do
    head -c 200000 /dev/urandom >"$work/warm/layer"
    printf '{"architecture":"amd64","os":"linux","number":%d}' "$number" >"$work/warm/config"
    raw_blob "many/app-$number" "$work/warm/base"
    raw_blob "many/app-$number" "$work/warm/layer"
    raw_blob "many/app-$number" "$work/warm/config"
    printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/vnd.oci.image.config.v1+json",%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar",%s},{"mediaType":"application/vnd.oci.image.layer.v1.tar",%s}]}' \
      "$image_type" "$(described "$work/warm/config")" "$(described "$work/warm/base")" "$(described "$work/warm/layer")" >"$work/warm/manifest"
    put -X PUT -H "Content-Type: $image_type" --data-binary "@$work/warm/manifest" "$url/many/app-$number/manifests/1"
  done
}

described() {
  printf '"digest":"%s","size":%d' "$(sha256 "$1")" "$(stat -c %s "$1")"
}

# raw_blob REPOSITORY FILE: mounts it at far if it is there, and uploads it otherwise.
raw_blob() {
  local digest to head
  digest=$(sha256 "$2")
  head=$(put -X POST -o /dev/null -D - "http://$far/v2/$1/blobs/uploads/?mount=$digest&from=many/app-1" | tr -d '\r')
  to=$(sed -n 's/^location: *//Ip' <<<"$head")
  [[ $head == *" 201 "* ]] || put -X PUT -H "Content-Type: application/octet-stream" --data-binary "@$2" "$to&digest=$digest"
}

finished_items() {
  curl -s "http://$management/warm" | jq '.counts.done'
}

finished() {
  (($(finished_items) >= $1))
}

# stored_once LINE: the base layer once, and a layer and a config of each image.
stored_once() {
  same "stored blobs" $((1 + 2 * replica_images)) "$(stored_blobs "$1")"
}

sample_is_whole() {
  local number
  for number in 1 77 "$replica_images"; do
    same "manifest $number" "$(curl -s -u "$cold_account" -H "Accept: $image_type" "http://$far/v2/many/app-$number/manifests/1" | sha256)" \
      "$(curl -s -u "$near_account" -H "Accept: $image_type" "http://$near/v2/many/app-$number/manifests/1" | sha256)"
    curl -sf -u "$near_account" "http://$near/v2/many/app-$number/blobs/$(sha256 "$work/warm/base")" | cmp - "$work/warm/base"
  done
}

database_is_away() {
  until_true 30 health_says DOWN
  same "ready" 200 "$(curl -s -o /dev/null -w '%{http_code}' "http://$management/observe/health/ready")"
}

health_says() {
  [[ $(curl -s "http://$management/observe/health" | jq -r '.checks[]|select(.name|test("warm-store")).status') == "$1" ]]
}

copied_after_database() {
  push "$layouts/warm-pulled" far/team/after-database:1
  until_true 60 asked_for team/after-database:1
  whole_at_near team/after-database:1 "$layouts/warm-pulled" 60
}
