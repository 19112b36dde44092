# Two real registries, what is in them, and the mirror in front of them.
# shellcheck shell=bash

cold_account=mirror:open-sesame
layouts=$work/layouts

start_registries() {
  hot=127.0.0.1:$(free_port)
  cold=127.0.0.1:$(free_port)
  start_registry hot "$hot"
  start_registry cold "$cold" "$(with_account cold)"
}

# with_account REALM: the lines that have a registry ask for the account.
with_account() {
  htpasswd -Bbn "${cold_account%%:*}" "${cold_account#*:}" >"$work/htpasswd" 2>/dev/null
  echo "auth: {htpasswd: {realm: $1, path: $work/htpasswd}}"
}

# start_registry NAME ADDRESS [MORE]: docker-registry with the lines MORE in its configuration. Its log has a line for each request
# where `requests_logged` is true.
start_registry() {
  local unlogged=true
  if [[ ${requests_logged:-} ]]; then unlogged=false; fi
  cat >"$work/$1.yml" <<END
version: 0.1
log: {level: warn, accesslog: {disabled: $unlogged}}
storage: {filesystem: {rootdirectory: $work/$1}}
http: {addr: $2}
${3:-}
END
  start "registry-$1" docker-registry serve "$work/$1.yml"
  wait_for "registry-$1" curl -s "http://$2/v2/"
}

# push LAYOUT TO: `skopeo copy` byte for byte. TO is hot/NAME:TAG or cold/NAME:TAG, or begins with another variable that has an address.
push() {
  local registry=${2%%/*}
  limit skopeo copy --quiet --insecure-policy --all --preserve-digests --dest-tls-verify=false --dest-creds "$cold_account" \
    "oci:$1:image" "docker://${!registry}/${2#*/}"
}

# push_raw LAYOUT NAME:TAG: the same to cold, for what skopeo does not take for an image: artifacts and their index.
push_raw() {
  local url=http://$cold/v2/${2%:*} tag=${2##*:} index manifest digest to
  index=$(digest_of "$1")
  manifest=$(jq -r '.manifests[0].digest' "$(blob_of "$1" "$index")")
  for digest in $(jq -r '.config.digest, .layers[].digest' "$(blob_of "$1" "$manifest")"); do
    to=$(put -X POST -o /dev/null -D - "$url/blobs/uploads/" | tr -d '\r' | sed -n 's/^location: *//Ip')
    put -X PUT -H "Content-Type: application/octet-stream" --data-binary "@$(blob_of "$1" "$digest")" "$to&digest=$digest"
  done
  put -X PUT -H "Content-Type: $image_type" --data-binary "@$(blob_of "$1" "$manifest")" "$url/manifests/$manifest"
  put -X PUT -H "Content-Type: $index_type" --data-binary "@$(blob_of "$1" "$index")" "$url/manifests/$tag"
}

put() {
  curl -sS --fail --max-time 30 -u "$cold_account" "$@"
}

# fill_registries: which image is where is the whole point, and it is said here.
fill_registries() {
  local name arm amd

  for name in hot-only cold-only both-hot both-cold split; do
    layout "$layouts/$name" "$(image "$layouts/$name" amd64 200000 50000)"
  done
  push "$layouts/hot-only" hot/team/hot-only:1
  push "$layouts/cold-only" cold/team/cold-only:1
  push "$layouts/both-hot" hot/team/both:1         # the same name with other bytes: hot must win
  push "$layouts/both-cold" cold/team/both:1
  push "$layouts/split" hot/team/split:1           # the manifest is on both, the first layer only on cold
  push "$layouts/split" cold/team/split:1
  forget_first_layer "$layouts/split" hot/team/split

  amd=$(image "$layouts/multi" amd64 100000)
  arm=$(image "$layouts/multi" arm64 100000)
  layout "$layouts/multi" "$(index "$layouts/multi" "$amd" "$arm")"
  push "$layouts/multi" cold/team/multi:1

  # shellcheck disable=SC2046  # twenty words are meant
  layout "$layouts/layers" "$(image "$layouts/layers" amd64 $(seq 10000 1000 29000))"
  push "$layouts/layers" hot/team/layers:hot
  push "$layouts/layers" cold/team/layers:cold

  layout "$layouts/large" "$(image "$layouts/large" amd64 300000000)"
  push "$layouts/large" cold/team/large:1

  echo "hot:  http://$hot   $(repositories hot)"
  echo "cold: http://$cold   $(repositories cold) (with an account)"
}

# forget_first_layer LAYOUT REGISTRY/NAME: a registry refuses a manifest without its layers, so one is taken away after.
forget_first_layer() {
  local layer
  layer=$(jq -r '.layers[0].digest' "$(blob_of "$1" "$(digest_of "$1")")")
  rm -r "$work/${2%%/*}/docker/registry/v2/repositories/${2#*/}/_layers/${layer/://}"
}

repositories() {
  curl -s -u "$cold_account" "http://${!1}/v2/_catalog" | jq -r '.repositories | join(" ")'
}

# start_mirror NAME [VARIABLE=VALUE...]: the packaged program. Sets `mirror` to its address, `management` to that of its other port, and `pid`.
# It runs in the folder `mirror_in`, if that is set. Its heap is smaller than the large layer, which must pass through all the same.
start_mirror() {
  local name=$1 port java
  shift
  port=$(free_port) management=127.0.0.1:$(free_port)
  java=$(jdk 17 || jdk 25)/bin/java
  start "mirror-$name" env -C "${mirror_in:-$PWD}" MIRROR_SERVER_PORT="$port" MIRROR_MANAGEMENT_PORT="${management#*:}" MIRROR_LOGGING_FORMAT=console \
    "$@" "$java" -Xmx256m -jar "$PWD/target/mirror-registry.jar"
  mirror=127.0.0.1:$port
  wait_for "mirror-$name" healthy "$mirror"
  echo "mirror: http://$mirror ($name)"
}

# start_mirror_of_both NAME: hot, then cold.
start_mirror_of_both() {
  start_mirror "$1" MIRROR_REGISTRY_HOT_URL="http://$hot" MIRROR_REGISTRY_COLD_URL="http://$cold" \
    MIRROR_REGISTRY_COLD_USERNAME="${cold_account%%:*}" MIRROR_REGISTRY_COLD_PASSWORD="${cold_account#*:}"
}

healthy() {
  [[ $(curl -sk --max-time 5 "${scheme:-http}://$1/health") == '{"status":"healthy"}' ]]
}
