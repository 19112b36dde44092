# Whole images through the mirror, with the clients people use. Every pull is compared with the layout it came from.
# shellcheck shell=bash

# name:tag and the layout that a client must get for it
from_registries=(
  "team/hot-only:1 hot-only" "team/cold-only:1 cold-only" "team/both:1 both-hot" "team/split:1 split"
  "team/multi:1 multi" "team/layers:hot layers" "team/layers:cold layers" "team/large:1 large"
)

check_clients() {
  local image client
  start_dockerd
  start_containerd

  start_mirror_of_both clients
  check "blob on hot: 307 to hot"                   redirects_to_hot team/hot-only "$(layer_of hot-only)"
  check "blob on cold: 200, streamed with our account" streams team/cold-only "$(layer_of cold-only)"
  check "blob on cold: a range of it"               streams_range team/cold-only "$(layer_of cold-only)"
  check "tags of hot and cold in one list"          lists_tags team/layers "cold hot"
  check "what nobody has: 404"                      missing team/nowhere
  check "https on the http port: refused at once"   turns_tls_away
  for client in skopeo docker podman containerd; do
    for image in "${from_registries[@]}"; do
      check "$client pulls ${image% *}" "pull_with_$client" "${image% *}" "$layouts/${image#* }" image
    done
  done
  for image in "team/hot-only:1 hot-only" "team/cold-only:1 cold-only" "team/multi:1 multi"; do
    check "containerd with hosts.toml pulls docker.io/${image% *}" \
      pull_with_containerd_hosts "${image% *}" "$layouts/${image#* }" image
  done

  # The folder that comes with the mirror is the cold registry; an image put into it is there at once.
  cp -r images "$work/images"
  start_mirror folder MIRROR_REGISTRY_HOT_URL="http://$hot" MIRROR_IMAGES_DIRECTORY="$work/images"
  for client in skopeo docker podman containerd containerd_hosts; do
    check "$client pulls library/hello:latest from the folder" \
      "pull_with_$client" library/hello:latest images library/hello:latest
  done
  check "docker runs library/hello"                docker_runs_hello
  check "skopeo pulls team/hot-only:1 from hot, before the folder" pull_with_skopeo team/hot-only:1 "$layouts/hot-only" image
  skopeo copy --quiet --insecure-policy --all "oci:$layouts/multi:image" "oci:$work/images:team/added:1"
  check "skopeo pulls team/added:1, just put into the folder" pull_with_skopeo team/added:1 "$layouts/multi" image
  check "docker pulls team/added:1, just put into the folder" pull_with_docker team/added:1 "$layouts/multi" image
  umoci new --image "$work/images:team/umoci:1"
  umoci insert --image "$work/images:team/umoci:1" "$work/htpasswd" /etc/a-file >"$work/logs/umoci.log" 2>&1
  check "docker pulls team/umoci:1, written by umoci"  pull_with_docker team/umoci:1 "$work/images" team/umoci:1
}

# --- one function per client: NAME:TAG LAYOUT REF; and those that follow them, with the whole name that the client is given

pull_with_skopeo() {
  local to=$work/pulled digest file
  digest=$(digest_of "$2" "$3")
  limit skopeo inspect --raw --tls-verify=false "docker://$mirror/$1" | cmp - "$(blob_of "$2" "$digest")"
  rm -rf "$to"
  limit skopeo copy --quiet --insecure-policy --all --preserve-digests --src-tls-verify=false \
    "docker://$mirror/$1" "oci:$to:image"
  same "digest" "$digest" "$(digest_of "$to")"
  for file in "$to"/blobs/sha256/*; do
    cmp "$file" "$2/blobs/sha256/${file##*/}"
  done
  rm -rf "$to"
}

pull_with_docker() {
  docker_gets "$mirror/$1" "$2" "$3"
}

docker_gets() {
  local digest
  digest=$(digest_of "$2" "$3")
  docker_here pull "$1"
  # The image may be there under another mirror's name as well.
  docker_here image inspect -f '{{json .RepoDigests}}' "$1" | grep -F "\"${1%:*}@$digest\""
  same "layers" "$(diffs_of "$2" "$digest")" "$(docker_here image inspect -f '{{json .RootFS.Layers}}' "$1")"
  docker_here rmi "$1"
}

pull_with_podman() {
  podman_gets "$mirror/$1" "$2" "$3"
}

podman_gets() {
  local digest
  digest=$(digest_of "$2" "$3")
  podman_here pull --quiet "${podman_tls[@]:---tls-verify=false}" "$1"
  podman_here image inspect -f '{{json .RepoDigests}}' "$1" | grep -F "@$digest\""
  same "layers" "$(diffs_of "$2" "$digest")" "$(podman_here image inspect -f '{{json .RootFS.Layers}}' "$1")"
  podman_here rmi -f "$1"
}

podman_here() {
  limit podman --root "$work/podman" --runroot "$work/podman-run" --tmpdir "$work/podman-tmp" \
    --storage-driver vfs --cgroup-manager cgroupfs --events-backend none "$@"
}

pull_with_containerd() {
  ctr_here images pull --plain-http --snapshotter native "$mirror/$1"
  check_containerd_content "$mirror/$1" "$2" "$3"
}

# The mirror as the mirror of another registry's name. Only it is ever asked: the registry's own address leads nowhere.
pull_with_containerd_hosts() {
  local hosts=$work/hosts
  mkdir -p "$hosts/docker.io"
  printf 'server = "http://127.0.0.1:1"\n[host."http://%s"]\n  capabilities = ["pull", "resolve"]\n' "$mirror" \
    >"$hosts/docker.io/hosts.toml"
  ctr_here images pull --hosts-dir "$hosts" --snapshotter native "docker.io/$1"
  check_containerd_content "docker.io/$1" "$2" "$3"
}

check_containerd_content() {
  local digest part
  digest=$(digest_of "$2" "$3")
  same "digest" "$digest" "$(ctr_here images ls "name==$1" | awk 'NR == 2 {print $3}')"
  for part in "$digest" $(jq -r '.config.digest, .layers[].digest' "$(manifest_of "$2" "$digest")"); do
    ctr_here content get "$part" | cmp - "$(blob_of "$2" "$part")"
  done
  ctr_here images rm --sync "$1"
}

docker_runs_hello() {
  docker_here run --rm --network none "$mirror/library/hello" | grep "Hello from Mirror Registry"
}

diffs_of() {
  local manifest
  manifest=$(manifest_of "$1" "$2")
  jq -c .rootfs.diff_ids "$(blob_of "$1" "$(jq -r .config.digest "$manifest")")"
}
