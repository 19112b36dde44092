#!/usr/bin/env bash
# Runs while the image is built: starts a mirror, pulls through it, and has Java keep the classes that it needed, as it found and linked
# them, and the profiles of its methods (an AOT cache, JDK 25 or newer). With the cache a container is up in a fraction of the time, and is
# compiled sooner. A Java that knows no such cache gets an empty file, and ignores it at the start.
set -euo pipefail
cache=/app/mirror-registry.aot
if ! java -XX:AOTCacheOutput="$cache" -version >/dev/null 2>&1; then
  : >"$cache"
  exit
fi
rm -f "$cache"

# Any ports will do; the build may share the network of its host.
port=$((20000 + RANDOM % 12000))

# run PORT OPTION…: a mirror in the background.
run() {
  MIRROR_SERVER_PORT=$1 MIRROR_MANAGEMENT_PORT=$(($1 + 1)) java "${@:2}" -jar /app/mirror-registry.jar >/dev/null &
}

get() {
  exec 3<>"/dev/tcp/127.0.0.1/$1" || return
  printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: application/vnd.oci.image.index.v1+json\r\nConnection: close\r\n\r\n' "$2" >&3
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

blobs=()
for digest in $(get "$port" /v2/library/hello/manifests/latest | grep -oE '"sha256:[0-9a-f]{64}"' | tr -d '"'); do
  mapfile -t -O "${#blobs[@]}" blobs < <(get "$port" "/v2/library/hello/manifests/$digest" | grep -oE '"sha256:[0-9a-f]{64}"' | tr -d '"')
done
# Most pulls are repeated ones, and each image is asked for once before.
for ((i = 0; i < 500; i++)); do
  get "$port" /v2/library/hello/manifests/latest
  get "$port" "/v2/library/none-$i/manifests/1"
  for blob in "${blobs[@]}"; do
    get "$port" "/v2/library/hello/blobs/$blob"
  done
done >/dev/null
for path in /health /v2/library/hello/tags/list /v2/none; do
  get "$port" "$path" >/dev/null
done
kill "$registry" "$mirror"
wait "$registry" "$mirror" || true
test -s "$cache"
