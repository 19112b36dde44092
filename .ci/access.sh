# Access control on the packaged program: real clients log in, pull and are refused; tokens of issuers; the conformance suite with Bearer
# tokens; and attacks (access-attacks.sh). Needs `packages`, `package` and `registries`.
# shellcheck shell=bash

# Pinned: another release may say other things.
access_clients=(
  github.com/google/go-containerregistry/cmd/crane@v0.22.1 github.com/regclient/regclient/cmd/regctl@v0.11.7
  oras.land/oras/cmd/oras@v1.3.6 helm.sh/helm/v3/cmd/helm@v3.22.0
)
login_clients=(docker podman skopeo crane regctl oras helm)

check_access() {
  local access=$work/access host issuer issuer_pid mirror_pid robot_token PATH=$work/bin:$PATH
  install_access_clients
  fill_for_access
  write_access_files
  # The log at its most talkative must not have a password either.
  start_access_mirror access MIRROR_LOGGING_LEVEL=debug
  mirror_pid=$pid
  check_access_clients
  check_issuer_tokens
  check_other_host_name
  check_access_conformance
  check_access_attacks
  check_access_over_tls
}

install_access_clients() {
  local client
  for client in "${access_clients[@]}"; do
    twice env GOBIN="$work/bin" go install "$client" >"$work/logs/go-install.log" 2>&1 || { tail "$work/logs/go-install.log"; return 1; }
  done
}

# Each client has a user of its own, because wrong passwords delay the next login of the same user.
fill_for_access() {
  local name
  push "$layouts/hot-only" hot/public/app:1
  push "$layouts/hot-only" hot/acme/app:1
  push "$layouts/cold-only" cold/carol/app:1
  for name in "${login_clients[@]}" containerd; do
    push "$layouts/hot-only" "hot/$name-user/app:1"
  done
  helm create "$work/chart" >"$work/logs/helm.log"
  helm package "$work/chart" --destination "$work" >>"$work/logs/helm.log"
  for name in public helm-user team; do
    helm push "$work/chart-0.1.0.tgz" "oci://$hot/$name" --plain-http >>"$work/logs/helm.log" 2>&1
  done
}

# --- the files of the mirror

write_access_files() {
  local name
  mkdir -p "$access/issuer/.well-known"
  set_access_settings
  make_issuer
  cat >"$access/access.yaml" <<END
users: users.htpasswd
robots: robots.yaml
groups:
  admins: [alice, bob]
issuers:
  - issuer: $issuer
    audience: mirror.example.com
    user: "github:{repository}"
  - issuer: https://kubernetes.default.svc
    audience: mirror.example.com
    keys: cluster.json
    user: "k8s:{kubernetes.io.namespace}:{kubernetes.io.serviceaccount.name}"
  - issuer: http://127.0.0.1:1
    audience: mirror.example.com
    user: "away:{sub}"
unknown-credentials: anonymous
rules:
  - {who: anyone,               repositories: "public/**",      may: [pull]}
  - {who: "group:admins",       repositories: "**",             may: [pull, push, delete]}
  - {who: "user:github:acme/*", repositories: "acme/**",        may: [pull, push]}
  - {who: "user:k8s:acme:*",    repositories: "acme/**",        may: [pull]}
  - {who: "user:carol",         repositories: "conformance/**", may: [pull]}
  - {who: users,                repositories: "{user}/**",      may: [pull, push]}
  - {who: anyone, from: 10.0.0.0/8, repositories: "**",         may: [pull]}
END
  for name in alice bob "${login_clients[@]/%/-user}" containerd-user; do
    password_of "$name" | mirror_command user add "$name" >>"$work/logs/users.log"
  done
  htpasswd -nbB carol "$(password_of carol)" | grep . >>"$access/users.htpasswd"
  robot_token=$(mirror_command robot add ci --repositories 'team/**' --may pull --days 1 2>"$work/logs/robot.log")
  cut -d: -f2- "$access/users.htpasswd" >>"$access/secrets"
  echo "$robot_token" >>"$access/secrets"
  echo "access.yaml: $(mirror_command user list | tr '\n' ' ')and the robot ci"
  check "check accepts the files" mirror_command check
  check "access explain names the rule that decides" explains_access
}

password_of() {
  echo "$1, open sesame"
}

mirror_command() {
  env "${access_settings[@]}" "$(jdk 17 || jdk 25)/bin/java" -jar "$PWD/target/mirror-registry.jar" "$@"
}

explains_access() {
  mirror_command access explain carol carol/app | grep -E 'decided by .*access.yaml:[0-9]+: .*\{user\}/\*\*'
  mirror_command access explain anyone team/app && return 1
  mirror_command access explain github:acme/app acme/app | grep 'may .*pull'
}

access_settings=()

# set_access_settings: those that the mirror and its commands share.
set_access_settings() {
  access_settings=(MIRROR_REGISTRY_HOT_URL="http://$hot" MIRROR_REGISTRY_COLD_URL="http://$cold" MIRROR_REGISTRY_COLD_USERNAME="${cold_account%%:*}"
    MIRROR_REGISTRY_COLD_PASSWORD="${cold_account#*:}" MIRROR_SECRET="a secret of this run, $RANDOM$RANDOM" MIRROR_ACCESS_FILE="$access/access.yaml")
  printf '%s\n' "a secret of this run" "${cold_account#*:}" "$(printf %s "$cold_account" | base64)" >"$access/secrets"
}

# start_access_mirror NAME [VARIABLE=VALUE...]
start_access_mirror() {
  start_mirror "$1" "${access_settings[@]}" "${@:2}"
}

# --- another host name, and TLS

check_other_host_name() {
  check "Host: mirror.example.com: the realm has that name" has_realm http://mirror.example.com/token -H "Host: mirror.example.com"
  check "X-Forwarded-Proto of a client that is no trusted proxy changes no realm" has_realm "http://$mirror/token" -H "X-Forwarded-Proto: https"
  sent "Host with a quote" 400 /v2/ -H 'Host: evil.example.com",scope="x'
  check "Host: mirror.example.com: a token from there is good here" token_by_name
}

has_realm() {
  same "challenge" "Bearer realm=\"$1\",service=\"mirror-registry\"" \
    "$(ask -o "$work/body" -D - "${@:2}" "http://$mirror/v2/" | tr -d '\r' | sed -n 's/^www-authenticate: *//Ip')"
}

token_by_name() {
  local token name=mirror.example.com:${mirror#*:}
  token=$(ask --resolve "$name:127.0.0.1" -u "carol:$(password_of carol)" "http://$name/token?service=mirror-registry&scope=repository:carol/app:pull" | jq -r .token)
  same "status" 200 "$(ask -o "$work/body" -w '%{http_code}' -H "Authorization: Bearer $token" "http://$mirror/v2/carol/app/manifests/1")"
}

check_access_over_tls() {
  local tls=$work/tls-access address=127.0.0.1 scheme=https
  make_certificates
  start_access_mirror tls-access MIRROR_SERVER_TLS_CERTIFICATE="$tls/fullchain.pem" MIRROR_SERVER_TLS_KEY="$tls/privkey.pem"
  check "TLS: the realm is https" has_secure_realm
  check "TLS: podman logs in and pulls" saying podman_over_tls
  shown
  check "TLS: crane logs in and pulls" saying env SSL_CERT_FILE="$tls/authority/ca.crt" bash -c 'crane auth login "$1" -u carol -p "$2" && crane digest "$1/carol/app:1"' \
    - "$mirror" "$(password_of carol)"
  shown
}

has_secure_realm() {
  secure_ask -o "$work/body" -D - "https://$mirror/v2/" | grep -F "realm=\"https://$mirror/token\""
}

podman_over_tls() {
  password_of carol | limit podman login --cert-dir "$tls/authority" --authfile "$work/podman-tls.json" -u carol --password-stdin "$mirror" &&
    podman_here pull --quiet --cert-dir "$tls/authority" --authfile "$work/podman-tls.json" "$mirror/carol/app:1"
}

# --- conformance

check_access_conformance() {
  prepare_conformance
  check "conformance suite with a user's password and Bearer tokens" run_suite_as carol
  echo "suite: $(counted Pass) passed, $(counted FAIL) failed, $(counted Error) broken, $(counted Skip) skipped, $(counted Disabled) disabled (pushes and deletions)"
  check "conformance suite without a login is refused" suite_is_refused
}

run_suite_as() {
  export OCI_USERNAME=$1
  OCI_PASSWORD=$(password_of "$1")
  export OCI_PASSWORD
  run_suite
}

suite_is_refused() {
  ! run_suite
}
