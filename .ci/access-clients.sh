# Real clients log in at a mirror with access control, pull what their user may pull, and are refused the rest. Each keeps its
# credentials in a folder of its own for each account, so that no login is left over from another check.
# shellcheck shell=bash

check_access_clients() {
  local client
  start_dockerd
  start_containerd
  for client in "${login_clients[@]}"; do
    check_login_client "$client"
  done
  check_access_containerd
  check_docker_hub_account
}

# check_login_client CLIENT: each check is followed by the last line that the client printed.
check_login_client() {
  local client=$1 user=$1-user
  check "$client pulls from public without a login"       pulls_as nobody "$client" "$(image_for "$client" public)"
  shown
  check "$client is refused team's image without a login" is_refused_pull nobody "$client" "$(image_for "$client" team)"
  shown
  check "$client is refused a wrong password"             is_refused_login "$client" "$user"
  shown
  check "$client logs in as $user"                        logs_in "$client" "$user" "$(password_of "$user")"
  shown
  check "$client pulls the image of $user"                pulls_as "$user" "$client" "$(image_for "$client" "$user")"
  shown
  check "$client is refused team's image as $user"        is_refused_pull "$user" "$client" "$(image_for "$client" team)"
  shown
  check "$client logs in as the robot ci"                 logs_in "$client" ci "$robot_token"
  shown
  check "$client pulls team's image as the robot ci"      pulls_as ci "$client" "$(image_for "$client" team)"
  shown
}

# shown: the last line that a client printed, without the colours and the moving of the cursor.
shown() {
  sed 's/\x1b\[[0-9;]*[A-Za-z]//g' "$work/said" | tr '\r' '\n' | { grep '[^[:space:]]' || echo "(nothing)"; } | tail -n 1 | cut -c 1-240 | sed 's/^/     /'
  : >"$work/said"
}

# image_for CLIENT OWNER: helm pulls charts.
image_for() {
  case $1,$2 in
    helm,*) echo "$2/chart" ;;
    *,team) echo team/hot-only:1 ;;
    *)      echo "$2/app:1" ;;
  esac
}

# saying COMMAND...: keeps what it prints, and prints it. `set -e` is off in COMMAND.
saying() {
  local status=0
  "$@" >"$work/said" 2>&1 || status=$?
  cat "$work/said"
  return "$status"
}

# account CLIENT NAME: where the client keeps the credentials of that account.
account() {
  local folder=$work/accounts/$1-$2
  mkdir -p "$folder"
  [[ -e $folder/config.json ]] || echo '{}' >"$folder/config.json"
  export DOCKER_CONFIG=$folder REGISTRY_AUTH_FILE=$folder/config.json REGCTL_CONFIG=$folder/regctl.json
  export HELM_CONFIG_HOME=$folder HELM_CACHE_HOME=$folder/cache HELM_DATA_HOME=$folder/data HELM_REGISTRY_CONFIG=$folder/config.json
  if [[ $1 == regctl ]]; then regctl registry set --skip-check --tls disabled "$mirror"; fi
}

logs_in() {
  account "$1" "$2"
  saying "login_with_$1" "$2" "$3"
}

pulls_as() {
  account "$2" "$1"
  saying "access_pull_with_$2" "$3"
}

is_refused_pull() {
  account "$2" "$1"
  if saying "access_pull_with_$2" "$3"; then return 1; fi
  names_refusal
}

names_refusal() {
  grep -iE 'unauthorized|denied|401|403|forbidden|authentication required|log in|invalid username/password' "$work/said"
}

# crane's login asks nobody, so its pull shows that the password is wrong.
is_refused_login() {
  account "$1" wrong
  if saying "login_with_$1" "$2" "not the password"; then
    [[ $1 == crane ]] || return 1
    if saying access_pull_with_crane "$2/app:1"; then return 1; fi
  fi
  names_refusal
}

# --- one pair of functions per client: USER PASSWORD, and NAME:TAG

login_with_docker() {
  docker_here login --username "$1" --password-stdin "$mirror" <<<"$2"
}

access_pull_with_docker() {
  docker_here pull "$mirror/$1" &&
    docker_here rmi "$mirror/$1" >"$work/rmi"
}

login_with_podman() {
  podman_here login --tls-verify=false --username "$1" --password-stdin "$mirror" <<<"$2"
}

access_pull_with_podman() {
  podman_here pull --tls-verify=false "$mirror/$1" &&
    podman_here rmi -f "$mirror/$1" >"$work/rmi"
}

login_with_skopeo() {
  limit skopeo login --tls-verify=false --username "$1" --password-stdin "$mirror" <<<"$2"
}

access_pull_with_skopeo() {
  rm -rf "$work/pulled"
  limit skopeo copy --insecure-policy --src-tls-verify=false "docker://$mirror/$1" "oci:$work/pulled:image"
}

login_with_crane() {
  limit crane auth login "$mirror" --username "$1" --password-stdin <<<"$2"
}

access_pull_with_crane() {
  limit crane pull "$mirror/$1" "$work/crane.tar" &&
    tar -tf "$work/crane.tar" >"$work/crane.txt"
}

login_with_regctl() {
  limit regctl registry login --user "$1" --pass-stdin "$mirror" <<<"$2"
}

access_pull_with_regctl() {
  rm -rf "$work/pulled"
  limit regctl image copy "$mirror/$1" "ocidir://$work/pulled:1"
}

login_with_oras() {
  limit oras login --plain-http --username "$1" --password-stdin "$mirror" <<<"$2"
}

access_pull_with_oras() {
  rm -rf "$work/pulled"
  limit oras copy --from-plain-http "$mirror/$1" --to-oci-layout "$work/pulled:1"
}

login_with_helm() {
  limit helm registry login --plain-http --username "$1" --password-stdin "$mirror" <<<"$2"
}

access_pull_with_helm() {
  mkdir -p "$work/charts"
  rm -f "$work/charts/chart-0.1.0.tgz"
  limit helm pull "oci://$mirror/$1" --version 0.1.0 --plain-http --destination "$work/charts" &&
    cmp "$work/charts/chart-0.1.0.tgz" "$work/chart-0.1.0.tgz"
}

# --- containerd has no login: the account is given with the pull, or stands in hosts.toml

check_access_containerd() {
  local user=containerd-user
  check "containerd pulls from public without a login"            saying ctr_pulls public/app:1
  shown
  check "containerd is refused team's image without a login"      ctr_is_refused team/hot-only:1
  shown
  check "ctr --user with a wrong password is refused"             ctr_is_refused $user/app:1 --user "$user:not the password"
  shown
  check "ctr --user pulls the image of $user"                     saying ctr_pulls $user/app:1 --user "$user:$(password_of $user)"
  shown
  check "ctr --user is refused team's image as $user"             ctr_is_refused team/hot-only:1 --user "$user:$(password_of $user)"
  shown
  check "ctr --user pulls team's image as the robot ci"           saying ctr_pulls team/hot-only:1 --user "ci:$robot_token"
  shown
  check "containerd with Basic in hosts.toml pulls the image of $user" ctr_pulls_by_hosts "$user:$(password_of $user)" $user/app:1
  shown
  check "containerd with Basic in hosts.toml is refused team's image as $user" ctr_is_refused_by_hosts "$user:$(password_of $user)" team/hot-only:1
  shown
}

# ctr_pulls NAME:TAG [OPTION...]
ctr_pulls() {
  ctr_here images pull --plain-http --snapshotter native "${@:2}" "$mirror/$1" &&
    ctr_here images rm --sync "$mirror/$1" >"$work/rmi"
}

ctr_is_refused() {
  if saying ctr_pulls "$@"; then return 1; fi
  names_refusal
}

ctr_pulls_by_hosts() {
  saying ctr_by_hosts "$@"
}

ctr_is_refused_by_hosts() {
  if saying ctr_by_hosts "$@"; then return 1; fi
  names_refusal
}

# ctr_by_hosts ACCOUNT NAME:TAG: the registry's own address leads nowhere.
ctr_by_hosts() {
  local hosts=$work/hosts-access
  mkdir -p "$hosts/docker.io"
  cat >"$hosts/docker.io/hosts.toml" <<END
server = "http://127.0.0.1:1"
[host."http://$mirror"]
  capabilities = ["pull", "resolve"]
  [host."http://$mirror".header]
    Authorization = "Basic $(printf %s "$1" | base64 -w0)"
END
  ctr_here images pull --hosts-dir "$hosts" --snapshotter native "docker.io/$2" &&
    ctr_here images rm --sync "docker.io/$2" >"$work/rmi"
}

# --- docker sends Docker Hub's account to a mirror of Docker Hub (https://github.com/moby/moby/issues/42022)

check_docker_hub_account() {
  docker_has_mirrors "\"http://$mirror\""
  check "docker with registry-mirrors and Docker Hub's account pulls from public" pulls_with_hub_account
  shown
  check "the mirror counts that account as unknown" counts_unknown_login
  docker_has_mirrors ""
}

pulls_with_hub_account() {
  account docker hub
  jq -n --arg auth "$(printf 'hub-user:password at Docker Hub' | base64 -w0)" '{auths: {"https://index.docker.io/v1/": {auth: $auth}}}' >"$DOCKER_CONFIG/config.json"
  saying docker_here pull public/app:1
  docker_here rmi public/app:1
}

counts_unknown_login() {
  ask "http://$management/observe/metrics" | grep -E '^mirror_logins_total\{.*result="unknown".*\} [1-9]'
}
