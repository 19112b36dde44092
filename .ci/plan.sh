# One mirror for several registries: who is asked for what. Four real registries have the same names with other bytes in each, and
# their logs show what each of them was asked for. Needs `packages` and `package` only.
# shellcheck shell=bash

plan_registries=(own hub ghcr quay)

check_plan() {
  # The addresses have the names that `push` takes; those of hot and cold belong to the other steps.
  local own hub ghcr quay requests_logged=yes mirror_in mirror_pid ghcr_pid quay_pid settings
  start_plan_registries
  fill_plan_registries
  check_namespaces
  check_plan_edits
}

start_plan_registries() {
  own=127.0.0.1:$(free_port) hub=127.0.0.1:$(free_port) ghcr=127.0.0.1:$(free_port) quay=127.0.0.1:$(free_port)
  start_registry own "$own" "$(with_account own)"
  start_registry hub "$hub"
  start_registry ghcr "$ghcr"
  ghcr_pid=$pid
  start_registry quay "$quay"
  quay_pid=$pid
}

# Every registry has every name, so that only the bytes tell who served. Nobody pulls `private` while all is well, so that no memory has it.
fill_plan_registries() {
  local registry name
  for registry in "${plan_registries[@]}"; do
    layout "$layouts/$registry" "$(image "$layouts/$registry" amd64 100000 20000)"
    for name in library/app library/private org/app org/private team/app team/private; do
      push "$layouts/$registry" "$registry/$name:1"
    done
  done
  push "$layouts/own" own/org/app:latest
  push "$layouts/hub" hub/org/app:latest
  push "$layouts/ghcr" ghcr/org/only-third:1
}

# --- namespaces: each registry serves one

check_namespaces() {
  local image
  start_dockerd
  start_containerd
  start_mirror_of_namespaces
  listen start
  start_dead_ends
  # The whole name, who must be asked, and for what.
  local images=(
    "docker.io/library/app:1 hub library/app" "ghcr.io/org/app:1 ghcr org/app" "quay.io/org/app:1 quay org/app"
    "registry.example.com/team/app:1 own team/app"
  )
  for image in "${images[@]}"; do
    # shellcheck disable=SC2086  # three words
    pulled_from_its_registry $image
  done
  check "docker with registry-mirrors pulls app:1 from hub alone"     pulls_from hub library/app docker_gets app:1
  check "skopeo pulls docker.io/app:1, without library/, from hub alone" pulls_from hub library/app pull_with_skopeo docker.io/app:1
  check "a name without a host is asked for at mirror.plan alone"     pulls_from hub library/app pull_with_skopeo library/app:1
  check "the answer to ?ns=ghcr.io has OCI-Namespace: ghcr.io"        names_namespace ghcr.io org/app
  check "?ns=127.0.0.1:1, which nobody serves, is not called"         pulls_from hub library/app asks_for_namespace 127.0.0.1:1 library/app
  check "?ns=no/host is refused with 400, and nobody is asked"        refuses_namespace no/host library/app
  check "explain: ghcr.io/org/app is ghcr's, and nobody else's" explains 0 ghcr.io/org/app:1 '^client gets 200 from ghcr' ghcr
  check "/explain: docker.io/app is hub's, as library/app"      page_explains docker.io/app:1 '^docker-hub library/app yes 200 ' docker-hub

  stop "$ghcr_pid"
  stop "$quay_pid"
  # The three others have an image of that name. Dependency confusion would be to give one of those.
  check "ghcr.io is away: 503, and nobody else is asked for its image" is_unavailable ghcr.io org/private
  check "ghcr.io is away: explain ends with 1 and says so"          explains 1 ghcr.io/org/private:1 '^client gets 503: ghcr ' ghcr
  tell_of_check
  for image in ghcr.io/org/private:1 quay.io/org/private:1; do
    check "${image%%/*} is away: containerd gets no $image, and nobody else is asked"        pulls_nothing containerd_default_pulls "$image"
    check "${image%%/*} is away: docker gets no $image by name, and nobody else is asked"     pulls_nothing docker_here pull "$mirror/$image"
    check "${image%%/*} is away: podman gets no $image, and nobody else is asked"             pulls_nothing podman_by_mirrors pull "$image"
    check "${image%%/*} is away: skopeo gets no $image by name, and nobody else is asked"     pulls_nothing skopeo_inspects "$mirror/$image"
  done
  check "docker.io goes on meanwhile"                                  pulls_from hub library/app pull_with_skopeo docker.io/library/app:1
  check "no registry was ever asked for a name of another's namespace" all_asked_for_their_own
  tell_who_was_asked start
  stop "$mirror_pid"
  docker_has_mirrors ''
}

# Variables alone: the folder has no file of settings. Nothing is believed for a while, so that each pull shows who is asked.
start_mirror_of_namespaces() {
  mirror_in=$work/namespaces
  mkdir -p "$mirror_in"
  cp -r images "$mirror_in"
  printf '%s\n' "${cold_account#*:}" >"$mirror_in/password"
  settings=(
    MIRROR_PLAN=docker-hub MIRROR_CACHE_TAG_TTL=0 MIRROR_CACHE_MISS_TTL=0
    MIRROR_REGISTRY_OWN_URL="http://$own" MIRROR_REGISTRY_OWN_SERVES=registry.example.com
    MIRROR_REGISTRY_OWN_USERNAME="${cold_account%%:*}" MIRROR_REGISTRY_OWN_PASSWORD_FILE=password
    MIRROR_REGISTRY_DOCKER_HUB_URL="http://$hub" MIRROR_REGISTRY_DOCKER_HUB_SERVES=docker.io MIRROR_REGISTRY_DOCKER_HUB_LIBRARY=true
    MIRROR_REGISTRY_GHCR_URL="http://$ghcr" MIRROR_REGISTRY_GHCR_SERVES=ghcr.io
    MIRROR_REGISTRY_QUAY_URL="http://$quay" MIRROR_REGISTRY_QUAY_SERVES=quay.io
  )
  start_mirror namespaces "${settings[@]}"
  mirror_pid=$pid
}

# What clients are configured with. Each falls back to the registry of the image's name; those lead nowhere here, so that nothing outside
# of this machine is asked, and what a client gets it has from the mirror.
start_dead_ends() {
  local host
  mkdir -p "$work/hosts-default/_default"
  printf 'server = "http://127.0.0.1:1"\n[host."http://%s"]\n  capabilities = ["pull", "resolve"]\n' "$mirror" \
    >"$work/hosts-default/_default/hosts.toml"
  docker_has_mirrors "\"http://$mirror\""
  for host in docker.io ghcr.io quay.io registry.example.com; do
    printf '[[registry]]\nprefix = "%s"\nlocation = "127.0.0.1:1/%s"\ninsecure = true\n' "$host" "$host"
    printf '[[registry.mirror]]\nlocation = "%s/%s"\ninsecure = true\n' "$mirror" "$host"
  done >"$work/registries.conf"
}

# docker_has_mirrors LIST: of Docker Hub, as dockerd reads them when it is told to.
docker_has_mirrors() {
  printf '{"registry-mirrors": [%s]}' "$1" >"$work/docker/daemon.json"
  kill -HUP "$(cat "$work/docker/pid")"
  wait_for dockerd docker_knows_mirrors "${1//\"/}"
}

docker_knows_mirrors() {
  local known
  known=$(docker_here info -f '{{range .RegistryConfig.Mirrors}}{{.}}{{end}}')
  [[ ${known%/} == "$1" ]]
}

# pulled_from_its_registry IMAGE REGISTRY REPOSITORY: by each client, without a change of the name where it can be told of mirrors, and by
# the mirror's name before it.
pulled_from_its_registry() {
  check "containerd with _default/hosts.toml pulls $1 from $2 alone" pulls_from "$2" "$3" containerd_default_gets "$1"
  check "podman with registries.conf pulls $1 from $2 alone"         pulls_from "$2" "$3" podman_by_mirrors_gets "$1"
  check "podman pulls MIRROR/$1 from $2 alone"                       pulls_from "$2" "$3" pull_with_podman "$1"
  check "docker pulls MIRROR/$1 from $2 alone"                       pulls_from "$2" "$3" pull_with_docker "$1"
  check "skopeo pulls MIRROR/$1 from $2 alone"                       pulls_from "$2" "$3" pull_with_skopeo "$1"
}

containerd_default_pulls() {
  ctr_here images pull --hosts-dir "$work/hosts-default" --snapshotter native "$1"
}

containerd_default_gets() {
  containerd_default_pulls "$1"
  check_containerd_content "$1" "$2" "$3"
}

podman_by_mirrors() {
  CONTAINERS_REGISTRIES_CONF=$work/registries.conf podman_here "$@"
}

podman_by_mirrors_gets() {
  export CONTAINERS_REGISTRIES_CONF=$work/registries.conf
  podman_gets "$1" "$2" "$3"
}

skopeo_inspects() {
  limit skopeo inspect --raw --tls-verify=false "docker://$1"
}

# asks_for_namespace NAMESPACE REPOSITORY: tag 1 of it, as containerd asks; for what follows a namespace, the layout is not looked at.
asks_for_namespace() {
  same "status" 200 "$(ask -o "$work/body" -D "$work/head" -w '%{http_code}' "http://$mirror/v2/$2/manifests/1?ns=$1")"
}

names_namespace() {
  asks_for_namespace "$@"
  same "OCI-Namespace" "$1" "$(tr -d '\r' <"$work/head" | sed -n 's/^oci-namespace: *//Ip')"
}

refuses_namespace() {
  listen
  same "status" 400 "$(ask -o "$work/body" -w '%{http_code}' "http://$mirror/v2/$2/manifests/1?ns=$1")"
  same "code" NAME_INVALID "$(jq -r '.errors[0].code' "$work/body")"
  asked_nobody
}

is_unavailable() {
  local path
  listen
  for path in "$2/manifests/1?ns=$1" "$1/$2/manifests/1"; do
    same "status of $path" 503 "$(ask -o "$work/body" -w '%{http_code}' "http://$mirror/v2/$path")"
  done
  asked_nobody
}

# pulls_nothing COMMAND...: the client fails, and none of the registries that run is asked.
pulls_nothing() {
  local status
  listen
  set +e
  (set -e; "$@")
  status=$?
  set -e
  ((status != 0)) || { echo "it got an image"; return 1; }
  asked_nobody
}

all_asked_for_their_own() {
  same "own"  team/app "$(repositories_asked own start)"
  same "hub"  library/app "$(repositories_asked hub start)"
  same "ghcr" org/app "$(repositories_asked ghcr start)"
  same "quay" org/app "$(repositories_asked quay start)"
}

# --- what registries were asked

# listen [SINCE]: from here on `heard` tells what is asked; several may listen, each with a name.
listen() {
  local registry
  for registry in "${plan_registries[@]}"; do
    catch_up "$registry"
    wc -l <"$(log_of "$registry")" >"$work/${1:-listen}-$registry"
  done
}

# heard REGISTRY [SINCE]: a line for each request about a repository: method, path and status.
heard() {
  catch_up "$1"
  tail -n "+$(($(cat "$work/${2:-listen}-$1") + 1))" "$(log_of "$1")" \
    | sed -nE 's,.*"([A-Z]+) (/v2/[^ ?"]+)[^"]*" ([0-9]+) .*,\1 \2 \3,p' | grep -v ' /v2/catch-up/' || true
}

log_of() {
  echo "$work/logs/registry-$1.log"
}

# catch_up REGISTRY: its log has all that was asked before this; that is so once it has this request.
catch_up() {
  local mark=catch-up/${EPOCHREALTIME//[!0-9]/}
  curl -s -o "$work/body" "http://${!1}/v2/$mark/tags/list" || return 0   # it is away
  for _ in {1..50}; do
    if grep -qF "\"GET /v2/$mark/" "$(log_of "$1")"; then return; fi
    sleep 0.1
  done
  echo "the log of $1 is late"
  return 1
}

# repositories_asked REGISTRY [SINCE]
repositories_asked() {
  heard "$1" "${2:-}" | cut -d' ' -f2 | sed -E 's,^/v2/(.*)/(manifests|blobs|tags|referrers)/.*,\1,' | sort -u | paste -sd' ' -
}

# pulls_from REGISTRY REPOSITORY COMMAND...: COMMAND gets that registry's image, and it alone is asked, for that repository.
pulls_from() {
  local registry=$1 other
  listen
  "${@:3}" "$layouts/$registry" image
  same "repositories that $registry was asked for" "$2" "$(repositories_asked "$registry")"
  heard "$registry" | sed "s,^,$registry: ,"
  heard "$registry" | grep -qE '^(GET|HEAD) /v2/[^ ]+/manifests/[^ ]+ 200$'
  for other in "${plan_registries[@]}"; do
    [[ $other == "$registry" ]] || same "what $other was asked" "" "$(heard "$other")"
  done
}

asked_nobody() {
  local registry
  for registry in "${plan_registries[@]}"; do
    same "what $registry was asked" "" "$(heard "$registry")"
  done
}

# tell_of_check: what the last check wrote, with short digests.
tell_of_check() {
  sed -E 's,(sha256:.{12})[0-9a-f]+,\1…,; s/^/     /; s/ +$//' "$work/check.out"
}

# tell_who_was_asked SINCE
tell_who_was_asked() {
  local registry
  for registry in "${plan_registries[@]}"; do
    echo "$registry was asked for $(repositories_asked "$registry" "$1"): $(heard "$registry" "$1" | grep -c /manifests/) times for manifests," \
      "$(heard "$registry" "$1" | grep -c /blobs/) times for blobs"
  done
}

# --- edits of the plan file of a mirror that runs: those that docs/routes.md explains, written in other words and for these registries

check_plan_edits() {
  local plan
  start_registry ghcr "$ghcr"   # on the same storage
  start_mirror_of_edits
  plan=$mirror_in/routes/plan.camel.yaml

  check "as it comes: hot, then cold; what third alone has is missing" asks_these 404 "own hub" org/only-third:1
  check "as it comes: hot's image wins"                                pulls_from own org/app pull_with_skopeo org/app:1

  edit_third_after_cold
  check "third after cold: check says sound"                           is_sound
  check "third after cold: takes effect without a restart"             takes_effect 200 org/only-third/manifests/1
  check "third after cold: hot, cold and third are asked"              asks_these 200 "own hub ghcr" org/only-third:1
  tell_of_check
  check "third after cold: explain shows the three in their order"     explains 0 org/only-third:1 '^client gets 200 from third, since hot ' 'hot cold third'
  tell_of_check
  check "third after cold: skopeo gets third's image"                  pull_with_skopeo org/only-third:1 "$layouts/ghcr" image
  check "third after cold: hot's image wins as before"                 pulls_from own org/app pull_with_skopeo org/app:1

  edit_prefix_to_third
  check "a prefix to third: check says sound"                          is_sound
  check "a prefix to third: takes effect without a restart"            takes_effect 200 team-a/org/app/manifests/1
  check "a prefix to third: it alone is asked, without the prefix"     pulls_from ghcr org/app pull_with_skopeo team-a/org/app:1
  tell_of_check
  check "a prefix to third: /explain shows the name there"             page_explains team-a/org/app:1 '^third org/app yes 200 ' third
  tell_of_check
  check "a prefix to third: what has not got it is hot's as before"    pulls_from own org/app pull_with_skopeo org/app:1

  edit_latest_never_from_hot
  check ":latest never from hot: check says sound"                     is_sound
  check ":latest never from hot: takes effect without a restart"       takes_effect_at "$layouts/hub" org/app/manifests/latest
  check ":latest never from hot: cold alone is asked"                  asks_these 200 "hub" org/app:latest
  tell_of_check
  check ":latest never from hot: /explain shows cold alone"            page_explains org/app:latest '^client gets 200 from cold' cold
  tell_of_check
  check ":latest never from hot: skopeo gets cold's image"             pull_with_skopeo org/app:latest "$layouts/hub" image
  check ":latest never from hot: other tags are hot's as before"       pulls_from own org/app pull_with_skopeo org/app:1

  edit_unknown_registry
  check "a plan with an unknown registry: check names it, with its place" finds_unknown_registry
  tell_of_check
  check "a plan with an unknown registry: the last good one goes on"   asks_these 200 "hub" org/app:latest
}

start_mirror_of_edits() {
  mirror_in=$work/edits
  mkdir -p "$mirror_in"
  cp -r images routes "$mirror_in"
  settings=(
    MIRROR_CACHE_TAG_TTL=0 MIRROR_CACHE_MISS_TTL=0 MIRROR_REGISTRY_HOT_URL="http://$own"
    MIRROR_REGISTRY_HOT_USERNAME="${cold_account%%:*}" MIRROR_REGISTRY_HOT_PASSWORD="${cold_account#*:}"
    MIRROR_REGISTRY_COLD_URL="http://$hub" MIRROR_REGISTRY_THIRD_URL="http://$ghcr"
  )
  start_mirror edits "${settings[@]}"
}

# new_plan: puts the text of standard input where the plan file is, at once.
new_plan() {
  { sed '/steps:/q' "$PWD/routes/plan.camel.yaml"; cat; } >"$plan.new"
  mv "$plan.new" "$plan"
}

edit_third_after_cold() {
  new_plan <<'END'
        - bean:
            ref: plan
            method: ask('hot, cold, third')
END
}

edit_prefix_to_third() {
  new_plan <<'END'
        - to:
            uri: "direct:strategy-{{mirror.strategy}}"
        - filter:
            expression:
              simple:
                expression: ${variable.repository} startsWith 'team-a/'
            steps:
              - bean: {ref: plan, method: "withoutPrefix('team-a/')"}
              - bean: {ref: plan, method: "ask('third')"}
END
}

edit_latest_never_from_hot() {
  new_plan <<'END'
        - to:
            uri: "direct:strategy-{{mirror.strategy}}"
        - filter:
            expression:
              simple:
                expression: ${variable.reference} == 'latest'
            steps:
              - bean:
                  ref: plan
                  method: ask('cold')
END
}

edit_unknown_registry() {
  new_plan <<'END'
        - bean:
            ref: plan
            method: ask('hot, fourth')
END
}

# asks_these STATUS REGISTRIES NAME:TAG: those and no others are asked for the manifest, of that name.
asks_these() {
  local registry asked=()
  listen
  same "status" "$1" "$(ask -o "$work/body" -w '%{http_code}' "http://$mirror/v2/${3%:*}/manifests/${3#*:}")"
  for registry in "${plan_registries[@]}"; do
    heard "$registry" | sed "s,^,$registry: ,"
    if [[ $(repositories_asked "$registry") == "${3%:*}" ]]; then asked+=("$registry"); fi
  done
  same "registries that were asked" "$2" "${asked[*]}"
}

# takes_effect STATUS PATH: the edit is noticed and checked within some seconds; on a busy machine that takes longer.
takes_effect() {
  for _ in {1..300}; do
    if [[ $(ask -o "$work/body" -w '%{http_code}' "http://$mirror/v2/$2") == "$1" ]]; then return; fi
    sleep 0.1
  done
  tail -n 3 "$work/logs/mirror-edits.log"
  return 1
}

# takes_effect_at LAYOUT PATH: the manifest is that of the layout.
takes_effect_at() {
  for _ in {1..300}; do
    if ask -o "$work/body" "http://$mirror/v2/$2" && cmp "$work/body" "$(blob_of "$1" "$(digest_of "$1")")"; then return; fi
    sleep 0.1
  done
  tail -n 3 "$work/logs/mirror-edits.log"
  return 1
}

# run_program ARGUMENT...: a command of the program, in the folder and with the settings of the mirror that runs.
run_program() {
  env -C "$mirror_in" "${settings[@]}" MIRROR_MANAGEMENT_PORT="${management#*:}" \
    "$(jdk 17 || jdk 25)/bin/java" -jar "$PWD/target/mirror-registry.jar" "$@" 2>&1
}

# explains CODE NAME LINE REGISTRIES: the command's exit code, a line of its table, where several spaces count as one, and the plan in it.
explains() {
  local status=0
  run_program explain "$2" >"$work/explained" || status=$?
  same "exit code" "$1" "$status"
  is_explained "$3" "$4"
}

# page_explains NAME LINE REGISTRIES: the same of the page, which has no exit code.
page_explains() {
  ask --fail-with-body -G --data-urlencode "image=$1" -d format=text "http://$management/explain" >"$work/explained"
  is_explained "$2" "$3"
}

is_explained() {
  cat "$work/explained"
  tr -s ' ' <"$work/explained" | grep -qE -- "$1" || { echo "no line has: $1"; return 1; }
  same "registries" "$2" "$(sed -n '/^REGISTRY/,/^$/p' "$work/explained" | sed '1d; /^$/d; s/ .*//' | paste -sd' ' -)"
}

is_sound() {
  run_program check | grep -i sound
}

finds_unknown_registry() {
  local status=0
  run_program check >"$work/checked" || status=$?
  cat "$work/checked"
  same "exit code" 1 "$status"
  grep -qE 'routes/plan\.camel\.yaml:[0-9]+:[0-9]+: .*fourth' "$work/checked"
}
