# Real clients log in at the mirror, push, and pull back what they have pushed; and are refused. What each of them says is printed.
# shellcheck shell=bash

push_clients=(docker podman skopeo crane regctl oras helm containerd)

check_push_clients() {
  local client
  start_dockerd
  start_containerd
  use_mirror passwords
  for client in "${push_clients[@]}"; do
    pushed_by "$client" passwords
  done
  check "docker pushes the same layers to another repository: mounted, not sent again" mounts_with_docker
  shown
  check "skopeo pushes a layer of 300 MB, and pulls it back" pushes_back passwords pusher skopeo team/large-of-skopeo:1 large
  shown
  check "crane pushes as the robot ci, and pulls back" pushes_as_robot
  shown
  check "oras attaches a signature, and finds it through the mirror" finds_signature
  shown
  check_refused_pushes
  for client in docker skopeo crane; do
    use_mirror newer
    pushed_by "$client" newer
    use_mirror tokens
    pushed_by "$client" tokens
  done
  use_mirror passwords
}

# pushed_by CLIENT TARGET: what it pushes is chosen so that each kind of image has its client.
pushed_by() {
  local image=layers
  case $1 in
    skopeo|containerd|regctl) image=multi ;;
    helm)                     image=chart ;;
  esac
  if [[ $1 != containerd ]]; then
    check "$1 logs in as pusher, before $2" logs_in "$1" pusher "$(password_of pusher)"
    shown
  fi
  check "$1 pushes $(described $image) to $2, and pulls it back" pushes_back "$2" pusher "$1" "team/$image-of-$1:1" "$image"
  shown
}

described() {
  case $1 in
    layers) echo "an image of 20 layers" ;;
    multi)  echo "an index of two platforms" ;;
    chart)  echo "a chart" ;;
  esac
}

# pushes_back TARGET ACCOUNT CLIENT NAME:TAG LAYOUT: the digests that the client, the target and the layout have are the same one, and so are the bytes.
pushes_back() {
  local digest
  account "$3" "$2"
  rm -rf "$work/pulled" "$work/digest"
  saying "push_with_$3_as" "$2" "$4" "$5"
  digest=$(cat "$work/digest")
  [[ $digest == sha256:* ]]
  if [[ $3 == helm ]]; then set -- "$1" "$2" "$3" "$(repository_of_chart "$4"):0.1.0" "$5"; fi
  same "digest at $1" "$digest" "$(at_target "$1" "$4")"
  case $3 in
    docker|podman|helm) ;;                          # these make layers anew
    *) same "digest that was pushed" "$(digest_of "$layouts/$5")" "$digest" ;;
  esac
  "pull_back_with_$3" "$4" "$digest" "$layouts/$5"
}

repository_of_chart() {
  echo "${1%:*}/chart"
}

# same_blobs LAYOUT ORIGINAL: it has all that the original has, and nothing else.
same_blobs() {
  local file
  diff <(ls "$1/blobs/sha256") <(ls "$2/blobs/sha256")
  for file in "$1"/blobs/sha256/*; do
    cmp "$file" "$2/blobs/sha256/${file##*/}"
  done
}

# --- per client: ACCOUNT NAME:TAG LAYOUT, which leaves the digest in $work/digest; and NAME:TAG DIGEST LAYOUT

# docker has its images from hot; it makes the layers anew, so that they get other digests.
push_with_docker_as() {
  local image
  image=$(docker_source "$3")
  docker_here image inspect "$image" >"$work/inspected" 2>&1 || docker_here pull --quiet "$image" >"$work/inspected" || return
  docker_here tag "$image" "$mirror/$2" || return
  docker_here push "$mirror/$2" >"$work/pushed" 2>&1 || { cat "$work/pushed"; return 1; }
  cat "$work/pushed"
  sed -nE 's/.*digest: (sha256:[0-9a-f]+) size: .*/\1/p' "$work/pushed" >"$work/digest"
}

docker_source() {
  case $1 in
    layers) echo "$hot/team/layers:hot" ;;
    *)      echo "$hot/team/$1:1" ;;
  esac
}

pull_back_with_docker() {
  docker_here image prune --all --force   # the layers must not be there already
  docker_here pull "$mirror/$1"
  docker_here image inspect -f '{{json .RepoDigests}}' "$mirror/$1" | grep -F "\"$mirror/${1%:*}@$2\""
  same "layers" "$(diffs_of "$3" "$(digest_of "$3")")" "$(docker_here image inspect -f '{{json .RootFS.Layers}}' "$mirror/$1")"
  docker_here rmi "$mirror/$1"
}

push_with_podman_as() {
  local id
  tar -C "$layouts/$3" -cf "$work/layout.tar" . || return
  podman_here load --quiet --input "$work/layout.tar" >"$work/loaded" 2>&1 || { cat "$work/loaded"; return 1; }
  id=$(podman_here images --quiet --no-trunc | head -n 1)
  podman_here push --tls-verify=false --digestfile "$work/digest" "$id" "docker://$mirror/$2"
}

pull_back_with_podman() {
  podman_here rmi -a -f
  podman_here pull --quiet --tls-verify=false "$mirror/$1"
  podman_here image inspect -f '{{json .RepoDigests}}' "$mirror/$1" | grep -F "@$2\""
  same "layers" "$(diffs_of "$3" "$(digest_of "$3")")" "$(podman_here image inspect -f '{{json .RootFS.Layers}}' "$mirror/$1")"
  podman_here rmi -f "$mirror/$1"
}

push_with_skopeo_as() {
  limit skopeo copy --insecure-policy --all --preserve-digests --dest-tls-verify=false --digestfile "$work/digest" "oci:$layouts/$3:image" "docker://$mirror/$2"
}

pull_back_with_skopeo() {
  pull_with_skopeo "$1" "$3" image
}

push_with_crane_as() {
  limit crane push --image-refs "$work/refs" "$layouts/$3" "$mirror/$2" || return
  sed 's/.*@//' "$work/refs" | tail -n 1 >"$work/digest"
}

pull_back_with_crane() {
  limit crane pull --format oci "$mirror/$1" "$work/pulled"
  same_blobs "$work/pulled" "$3"
}

push_with_regctl_as() {
  limit regctl image copy "ocidir://$layouts/$3:image" "$mirror/$2" || return
  limit regctl manifest head "$mirror/$2" >"$work/digest"
}

pull_back_with_regctl() {
  limit regctl image copy "$mirror/$1" "ocidir://$work/pulled:1"
  same_blobs "$work/pulled" "$3"
}

push_with_oras_as() {
  limit oras copy --from-oci-layout "$layouts/$3:image" --to-plain-http "$mirror/$2" || return
  limit oras resolve --plain-http "$mirror/$2" >"$work/digest"
}

pull_back_with_oras() {
  limit oras copy --from-plain-http "$mirror/$1" --to-oci-layout "$work/pulled:1"
  same_blobs "$work/pulled" "$3"
}

push_with_helm_as() {
  limit helm push "$work/chart-0.1.0.tgz" "oci://$mirror/${2%:*}" --plain-http >"$work/pushed" 2>&1 || { cat "$work/pushed"; return 1; }
  cat "$work/pushed"
  sed -n 's/^Digest: *//p' "$work/pushed" >"$work/digest"
}

pull_back_with_helm() {
  access_pull_with_helm "${1%:*}"
}

# containerd has no login: the account is given with the push.
push_with_containerd_as() {
  local image
  image=$(containerd_source "$3")
  ctr_here images pull --plain-http --user "$cold_account" --snapshotter native --all-platforms "$image" >"$work/inspected" 2>&1 || { cat "$work/inspected"; return 1; }
  ctr_here images tag --force "$image" "$mirror/$2" >"$work/inspected" || return
  ctr_here images push --plain-http ${1:+--user "$1:$(password_of "$1")"} "$mirror/$2" || return
  digest_of "$layouts/$3" >"$work/digest"
}

containerd_source() {
  case $1 in
    multi) echo "$cold/team/multi:1" ;;
    *)     echo "$hot/team/$1:1" ;;
  esac
}

pull_back_with_containerd() {
  ctr_here images rm --sync "$mirror/$1" "$cold/team/multi:1"
  pull_with_containerd "$1" "$3" image
}

# --- what only one of them does

mounts_with_docker() {
  pushes_back passwords pusher docker team/layers-again:1 layers
  same "layers that docker has mounted" 20 "$(grep -cE 'Mounted from team/|Layer already exists' "$work/pushed")"
}

pushes_as_robot() {
  logs_in crane ci "$robot_token"
  pushes_back passwords ci crane team/layers-of-ci:1 layers
}

# The registry has no referrers API: oras keeps the list under a tag, and the mirror answers from that.
finds_signature() {
  local digest
  account oras pusher
  echo "signed by nobody" >"$work/signature.txt"
  saying env -C "$work" timeout 60 oras attach --plain-http --artifact-type application/vnd.example.signature "$mirror/team/layers-of-oras:1" signature.txt:text/plain
  digest=$(sed -n 's/^Digest: *//p' "$work/said")
  [[ $digest == sha256:* ]]
  saying limit oras discover --plain-http --format json "$mirror/team/layers-of-oras:1"
  same "referrers" "$digest" "$(jq -r '(.referrers // .manifests)[].digest' "$work/said")"
  limit oras discover --plain-http "$mirror/team/layers-of-oras:1" >"$work/said"
}

# --- refused

check_refused_pushes() {
  local client
  listen refused
  for client in "${push_clients[@]}"; do
    check "$client is refused a push as reader, who may pull"    is_refused_push reader "$client"
    shown
    check "$client is refused a push without a login"            is_refused_push nobody "$client"
    shown
  done
  for client in docker podman skopeo crane; do
    check "$client is refused a push with a wrong password"      is_refused_push "$client-wrong" "$client"
    shown
  done
  check "$(wc -w <<<"${push_clients[*]}") clients that were refused: nothing was written at the registry" same "what it was asked" "" \
    "$(heard passwords refused | grep -vE '^(GET|HEAD) ' || true)"
}

# is_refused_push ACCOUNT CLIENT: and the client says why. podman and skopeo take a wrong password only with an account file. docker logs in for
# each layer at once: after two wrong passwords of a user the next one has to wait, and docker prints one of the two refusals.
is_refused_push() {
  local image=hot-only why="unauthorized"
  account "$2" "$1"
  case $1 in
    reader)
      why="denied|403 Forbidden"
      [[ $2 == containerd ]] || "login_with_$2" reader "$(password_of reader)"
      ;;
    *-wrong)
      [[ $2 != docker ]] || why="unauthorized|toomanyrequests: There were too many wrong passwords; try again later"
      jq -n --arg mirror "$mirror" --arg auth "$(printf '%s:not the password' "$1" | base64 -w0)" '{auths: {($mirror): {auth: $auth}}}' >"$DOCKER_CONFIG/config.json"
      ;;
  esac
  if saying "push_with_$2_as" "${1/nobody/}" "team/refused-$2:1" "$image"; then return 1; fi
  grep -iE "$why" "$work/said"
}
