#!/usr/bin/env bash
# aot-cache.sh JAR CACHE OPTION…
#
# Runs while the image is built: starts a mirror, pulls through it, and has Java keep the classes that it needed, as it found and linked
# them, and the profiles of its methods (an AOT cache, JDK 25 or newer). With the cache a container is up in a fraction of the time, and is
# compiled sooner. A Java that knows no such cache gets an empty file, and ignores it at the start.
set -euo pipefail
jar=$1 cache=$2
shift 2
if ! java -XX:AOTCacheOutput="$cache" -version >/dev/null 2>&1; then
  : >"$cache"
  exit
fi
rm -f "$cache"

# After many more rounds Java would compile more methods at a start, on one core at the cost of those that are needed first.
rounds=100

# Any ports will do; the build may share the network of its host.
port=$((20000 + RANDOM % 12000))

# run PORT OPTION…: a mirror in the background.
run() {
  MIRROR_SERVER_PORT=$1 MIRROR_MANAGEMENT_PORT=$(($1 + 1)) java "${@:2}" -jar "$jar" >/dev/null &
}

# get PORT PATH…: the responses, by one connection.
get() {
  local head='Host: localhost\r\nAccept: application/vnd.oci.image.index.v1+json\r\n'
  exec 3<>"/dev/tcp/127.0.0.1/$1" || return
  (($# < 3)) || printf "GET %s HTTP/1.1\r\n$head\r\n" "${@:2:$#-2}" >&3
  printf "GET %s HTTP/1.1\r\n${head}Connection: close\r\n\r\n" "${!#}" >&3
  cat <&3
  exec 3>&-
}

wait_for() {
  until get "$1" /v2/ >/dev/null 2>&1; do
    kill -0 "$2"
    sleep 0.2
  done
}

# A second mirror, which has the sample image and asks nobody, is the hot registry, so that calls are made as well.
MIRROR_PLAN=cold run $((port + 2))
registry=$!
MIRROR_REGISTRY_HOT_URL=http://127.0.0.1:$((port + 2)) run "$port" -XX:AOTCacheOutput="$cache" "$@"
mirror=$!
wait_for $((port + 2)) "$registry"
wait_for "$port" "$mirror"

digests() {
  get "$port" "$1" | grep -oE '"sha256:[0-9a-f]{64}"' | tr -d '"'
}
repository=/v2/library/hello
pull=("$repository/manifests/latest")
for manifest in $(digests "$repository/manifests/latest"); do
  for blob in $(digests "$repository/manifests/$manifest"); do
    pull+=("$repository/blobs/$blob")
  done
done
# Most pulls are repeated ones, and each image is asked for once before.
for ((i = 0; i < rounds; i++)); do
  get "$port" "${pull[@]}" "/v2/library/none-$i/manifests/1"
done >/dev/null
get "$port" /health "$repository/tags/list" /v2/none >/dev/null
kill "$registry" "$mirror"
wait "$registry" "$mirror" || true
test -s "$cache"
