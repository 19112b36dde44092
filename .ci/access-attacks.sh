# Tokens of issuers, right and wrong; and bad requests, files and floods against a mirror with access control. Each check names what was
# sent and the status that has to come back. All passwords and tokens are kept in $access/secrets: at the end, no log may have any of them.
# shellcheck shell=bash

# --- an issuer of tokens: openssl makes and signs, python serves the keys

make_issuer() {
  local key
  issuer=http://127.0.0.1:$(free_port)
  for key in first second cluster stranger; do
    openssl genrsa -out "$access/$key.pem" 2048 2>"$work/logs/openssl.log"
  done
  openssl rsa -in "$access/first.pem" -pubout -out "$access/first.pub" 2>"$work/logs/openssl.log"
  jwks first >"$access/issuer/keys.json"
  jwks cluster >"$access/cluster.json"
  printf '{"issuer": "%s", "jwks_uri": "%s/keys.json"}' "$issuer" "$issuer" >"$access/issuer/.well-known/openid-configuration"
  start_issuer
}

start_issuer() {
  start issuer python3 -m http.server --bind 127.0.0.1 --directory "$access/issuer" "${issuer##*:}"
  issuer_pid=$pid
  wait_for issuer ask -f "$issuer/keys.json"
}

# jwks KEY...: their public halves; each one's id is its name.
jwks() {
  local key keys=()
  for key; do keys+=("$(jwk "$key")"); done
  printf '{"keys": [%s]}' "$(joined "${keys[@]}")"
}

jwk() {
  printf '{"kty": "RSA", "kid": "%s", "use": "sig", "alg": "RS256", "n": "%s", "e": "AQAB"}' "$1" \
    "$(openssl rsa -in "$access/$1.pem" -noout -modulus | cut -d= -f2 | perl -ne 'chomp; print pack "H*", $_' | base64url)"
}

base64url() {
  base64 -w0 | tr '+/' '-_' | tr -d '='
}

# claims [MORE]: for acme/app, valid for five minutes; MORE is a jq expression that changes them.
claims() {
  jq -cn --arg iss "$issuer" --argjson now "$(date +%s)" \
    '{iss: $iss, aud: "mirror.example.com", sub: "repo:acme/app", repository: "acme/app", iat: $now, nbf: $now, exp: ($now + 300)} | '"${1:-.}"
}

cluster_claims() {
  claims '.iss = "https://kubernetes.default.svc" | ."kubernetes.io" = {namespace: "acme", serviceaccount: {name: "puller"}}'
}

# token SIGNER CLAIMS [HEADER]: SIGNER is a key's name, none, or mac:FILE for HMAC with the bytes of FILE. HEADER is a jq expression.
token() {
  local signer=$1 text alg=RS256 signature=
  case $signer in
    none)  alg=none ;;
    mac:*) alg=HS256 ;;
  esac
  text=$(jq -cn --arg alg "$alg" --arg kid "$signer" '{alg: $alg, typ: "JWT", kid: $kid} | '"${3:-.}" | tr -d '\n' | base64url).$(printf %s "$2" | base64url)
  case $signer in
    none)  ;;
    mac:*) signature=$(printf %s "$text" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(od -An -v -tx1 "${signer#mac:}" | tr -d ' \n')" -binary | base64url) ;;
    *)     signature=$(printf %s "$text" | openssl dgst -sha256 -sign "$access/$signer.pem" -binary | base64url) ;;
  esac
  secret "$text.$signature"
}

# secret TEXT: prints it, and keeps it, and the parts of a token, for the search in the logs.
secret() {
  local part
  printf %s "$1"
  tr -c '[:print:]' '\n' <<<"$1" | grep -E '.{8}' >>"$access/secrets" || true
  for part in $(tr . ' ' <<<"$1"); do
    if ((${#part} > 60)); then echo "${part:0:60}" >>"$access/secrets"; fi
  done
}

# basic USER PASSWORD: the header.
basic() {
  secret "$2" >"$work/sent"
  printf 'Authorization: Basic %s' "$(secret "$(printf '%s:%s' "$1" "$2" | base64 -w0)")"
}

bearer() {
  printf 'Authorization: Bearer %s' "$1"
}

# sent WHAT STATUS PATH [CURL OPTION...]: a check. STATUS is an extended regular expression.
sent() {
  check "$1: ${2//|/ or }" answers "$2" "$3" "${@:4}"
}

answers() {
  local status
  status=$(ask -o "$work/body" -D "$work/head" -w '%{http_code}' --path-as-is "${@:3}" "http://$mirror$2") || echo "curl failed"
  [[ $status =~ ^($1)$ ]] || { echo "status $status, expected $1"; cat "$work/head"; head -c 500 "$work/body"; return 1; }
}

# status PATH [CURL OPTION...]
status() {
  ask -o "$work/body" -w '%{http_code}' "${@:2}" "http://$mirror$1"
}

# --- tokens that an issuer signed, and others

acme=/v2/acme/app/manifests/1

check_issuer_tokens() {
  local right
  right=$(token first "$(claims)")
  sent "an issuer's token as bearer"                              200 $acme -H "$(bearer "$right")"
  sent "an issuer's token as password"                            200 $acme -H "$(basic github "$right")"
  sent "an issuer's token as bearer, for a repository it may not" 403 /v2/carol/app/manifests/1 -H "$(bearer "$right")"
  sent "an issuer's token at the token service"                   200 "/token?service=mirror-registry&scope=repository:acme/app:pull" -H "$(basic github "$right")"
  sent "a service account's token, verified by keys in a file"    200 $acme -H "$(bearer "$(token cluster "$(cluster_claims)")")"
  check "docker logs in with an issuer's token"                   logs_in docker github "$right"
  shown
  check "docker pulls acme/app with an issuer's token"            pulls_as github docker acme/app:1
  shown
  check "crane logs in with an issuer's token"                    logs_in crane github "$right"
  check "crane pulls acme/app with an issuer's token"             pulls_as github crane acme/app:1
  shown
  check_wrong_claims
  check_wrong_signatures
  check_changed_keys
}

check_wrong_claims() {
  local change
  sent "token: wrong audience"                    401 $acme -H "$(bearer "$(token first "$(claims '.aud = "other.example.com"')")")"
  sent "token: an audience that begins like ours" 401 $acme -H "$(bearer "$(token first "$(claims '.aud = "mirror.example.com.evil.example.com"')")")"
  sent "token: two audiences, ours is one"        200 $acme -H "$(bearer "$(token first "$(claims '.aud = ["a.example.com", "mirror.example.com"]')")")"
  sent "token: no audience"                       401 $acme -H "$(bearer "$(token first "$(claims 'del(.aud)')")")"
  sent "token: expired an hour ago"               401 $acme -H "$(bearer "$(token first "$(claims '.exp = $now - 3600')")")"
  sent "token: no expiry"                         401 $acme -H "$(bearer "$(token first "$(claims 'del(.exp)')")")"
  sent "token: expiry is a text"                  401 $acme -H "$(bearer "$(token first "$(claims '.exp = "never"')")")"
  sent "token: valid in an hour"                  401 $acme -H "$(bearer "$(token first "$(claims '.nbf = $now + 3600')")")"
  sent "token: issued in an hour"                 401 $acme -H "$(bearer "$(token first "$(claims '.iat = $now + 3600')")")"
  sent "token: an issuer that nobody named"       401 $acme -H "$(bearer "$(token first "$(claims '.iss = "https://token.example.com"')")")"
  sent "token: no issuer"                         401 $acme -H "$(bearer "$(token first "$(claims 'del(.iss)')")")"
  sent "token: the other issuer's name, signed by this one" 401 $acme -H "$(bearer "$(token first "$(cluster_claims)")")"
  sent "token: no repository"                     401 $acme -H "$(bearer "$(token first "$(claims 'del(.repository)')")")"
  for change in '""' '{a: 1}' '["acme/app"]' '"acme/app\nalice"' '"acme/app\u2028"' null; do
    sent "token: repository is $change"           401 $acme -H "$(bearer "$(token first "$(claims ".repository = $change")")")"
  done
  sent "token: repository acme/../app"            403 $acme -H "$(bearer "$(token first "$(claims '.repository = "acme/../app"')")")"
  sent "token: repository acme/a/b, and the rule has acme/*" 403 $acme -H "$(bearer "$(token first "$(claims '.repository = "acme/a/b"')")")"
  sent "token: repository of 10,000 characters"   401 $acme -H "$(bearer "$(token first "$(claims '.repository = "acme/" + "a" * 9995')")")"
  sent "token: two members repository"            401 $acme -H "$(bearer "$(token first "$(claims | sed 's/}$/,"repository":"acme\/other"}/')")")"
  sent "token: claims are a list"                 401 $acme -H "$(bearer "$(token first "[$(claims)]")")"
}

check_wrong_signatures() {
  local right header alg
  right=$(token first "$(claims)")
  for alg in none None NONE nOnE ''; do
    sent "token: alg \"$alg\", no signature"        401 $acme -H "$(bearer "$(token none "$(claims)" ".alg = \"$alg\"")")"
  done
  sent "token: alg none as password"              '401' $acme -H "$(basic github "$(token none "$(claims)")")"
  sent "token: alg none with a right signature"   401 $acme -H "$(bearer "$(token first "$(claims)" '.alg = "none"')")"
  openssl rsa -pubin -in "$access/first.pub" -outform DER -out "$access/first.der" 2>"$work/logs/openssl.log"
  for alg in issuer/keys.json first.pub first.der; do
    sent "token: HS256 by the public key ($alg)"  401 $acme -H "$(bearer "$(token "mac:$access/$alg" "$(claims)" '.kid = "first"')")"
  done
  printf '\0' >"$access/zero"
  sent "token: HS256 by a key of one zero"        401 $acme -H "$(bearer "$(token "mac:$access/zero" "$(claims)" '.kid = "first"')")"
  sent "token: RS512 in the header of an RS256 signature" 401 $acme -H "$(bearer "$(token first "$(claims)" '.alg = "RS512"')")"
  sent "token: signed by a stranger's key"        401 $acme -H "$(bearer "$(token stranger "$(claims)" '.kid = "first"')")"
  sent "token: its key in the header (jwk)"       401 $acme -H "$(bearer "$(token stranger "$(claims)" ".kid = \"first\" | .jwk = $(jwk stranger)")")"
  sent "token: its key in the header (jwk), no kid" 401 $acme -H "$(bearer "$(token stranger "$(claims)" "del(.kid) | .jwk = $(jwk stranger)")")"
  openssl req -x509 -new -key "$access/stranger.pem" -subj /CN=stranger -days 2 -outform DER -out "$access/stranger.der"
  sent "token: its certificate in the header (x5c)" 401 $acme -H "$(bearer "$(token stranger "$(claims)" ".kid = \"first\" | .x5c = [\"$(base64 -w0 "$access/stranger.der")\"]")")"
  for header in jku x5u; do
    sent "token: an address of keys in the header ($header)" 401 $acme \
      -H "$(bearer "$(token stranger "$(claims)" ".kid = \"first\" | .$header = \"$issuer/stranger-$header.json\"")")"
  done
  check "the address in a token's header was not called" nobody_called stranger-
  for header in '.crit = ["b64"] | .b64 = false' '.crit = []' '.typ = "secevent+jwt"'; do
    sent "token: header with $header"             '401' $acme -H "$(bearer "$(token first "$(claims)" "$header")")"
  done
  for header in ../../../etc/passwd "'; drop table keys" '\u0000' "$(printf 'k%.0s' {1..4000})"; do
    sent "token: kid ${header:0:30}"              401 $acme -H "$(bearer "$(token stranger "$(claims)" ".kid = \"$header\"")")"
  done
  sent "token: one character of the claims changed" 401 $acme -H "$(bearer "${right%%.*}.$(claims '.repository = "acme/other"' | tr -d '\n' | base64url).${right##*.}")"
  sent "token: cut off"                           401 $acme -H "$(bearer "${right:0:200}")"
  sent "token: without its signature"             401 $acme -H "$(bearer "${right%.*}.")"
  sent "token: two dots too many"                 401 $acme -H "$(bearer "$right.a.b")"
  sent "token: ..."                               401 $acme -H "$(bearer ...)"
  sent "token: none after Bearer"                 401 $acme -H "Authorization: Bearer"
  sent "token: of 7,000 characters"               401 $acme -H "$(bearer "$(secret "$(printf 'eyJh%.0s' {1..1750})")")"
  sent "token: of 40,000 characters"              '401|431|400' $acme -H "$(bearer "$(secret "$(printf 'eyJh%.0s' {1..10000})")")"
}

nobody_called() {
  ! grep -F "$1" "$work/logs/issuer.log"
}

# A key that the mirror does not know makes it ask the issuer, at most once in 30 s.
check_changed_keys() {
  jwks first second >"$access/issuer/keys.json"
  check "token: signed by the issuer's new key: 200 within 40 s" comes_to 40 200 $acme -H "$(bearer "$(token second "$(claims)")")"
  sent "token: signed by the issuer's old key, which is still there" 200 $acme -H "$(bearer "$(token first "$(claims)")")"
  stop "$issuer_pid"
  sent "token: signed by a known key while the issuer is away" 200 $acme -H "$(bearer "$(token second "$(claims)")")"
  sent "token: signed by a stranger's key while the issuer is away" '401|503' $acme -H "$(bearer "$(token stranger "$(claims)")")"
  sent "token: of an issuer that was never there"  503 $acme -H "$(bearer "$(token first "$(claims '.iss = "http://127.0.0.1:1"')")")"
  check "an issuer that is away: Retry-After" grep -i '^retry-after: [0-9]' "$work/head"
  sent "a password while an issuer is away"        200 /v2/carol/app/manifests/1 -H "$(basic carol "$(password_of carol)")"
  check "/health while an issuer is away"          healthy "$mirror"
  start_issuer
}

# comes_to SECONDS STATUS PATH [CURL OPTION...]: a token that was refused is remembered for some seconds.
comes_to() {
  local end=$((SECONDS + $1))
  until [[ $(status "${@:3}") == "$2" ]]; do
    ((SECONDS < end)) || { cat "$work/body"; return 1; }
    sleep 0.5
  done
}

# --- requests

check_access_attacks() {
  local health_pid
  ask_health_all_the_time &
  health_pid=$!
  check_attacks_on_paths
  check_attacks_on_passwords
  check_attacks_on_own_tokens
  check_attacks_on_token_service
  check_attacks_on_files
  check_login_flood
  kill "$health_pid"
  wait "$health_pid" 2>/dev/null || true
  check "/health answered all the time ($(wc -l <"$work/health.txt") times)" same "other answers" "" "$(grep -v '^200$' "$work/health.txt" || true)"
  stop "$mirror_pid"
  check "the log has no password and no token that was sent ($(sort -u "$access/secrets" | wc -l) are looked for)" logs_no_secret
  check "the log has no control characters" logs_no_control_characters
}

ask_health_all_the_time() {
  trap 'exit 0' TERM
  while true; do
    curl -s --max-time 5 -o "$work/health.body" -w '%{http_code}\n' "http://$mirror/health" >>"$work/health.txt"
    sleep 0.2
  done
}

check_attacks_on_paths() {
  local path method manifest=/v2/team/hot-only/manifests/1 layer
  layer=$(layer_of hot-only)
  sent "a cached manifest, first by alice" 200 $manifest -H "$(basic alice "$(password_of alice)")"
  for path in $manifest "/v2/team/hot-only/manifests/$(digest_of "$layouts/hot-only")" "/v2/team/hot-only/blobs/$layer" /v2/team/hot-only/tags/list \
    "/v2/team/hot-only/referrers/$(digest_of "$layouts/hot-only")" /v2/team/nowhere/manifests/1; do
    sent "nobody: GET ${path:0:60}"  401 "$path"
    sent "nobody: HEAD ${path:0:60}" 401 "$path" --head
    sent "carol: GET ${path:0:60}"   403 "$path" -H "$(basic carol "$(password_of carol)")"
  done
  sent "nobody: a blob of public that team has as well" 307 "/v2/public/app/blobs/$layer"
  layer=$(layer_of cold-only)
  sent "alice: a blob of team/cold-only"                200 "/v2/team/cold-only/blobs/$layer" -H "$(basic alice "$(password_of alice)")"
  sent "nobody: the same blob by a name of public"      404 "/v2/public/app/blobs/$layer"
  sent "alice: a manifest of team/cold-only"            200 "/v2/team/cold-only/manifests/$(digest_of "$layouts/cold-only")" -H "$(basic alice "$(password_of alice)")"
  sent "nobody: the same manifest by a name of public"  404 "/v2/public/app/manifests/$(digest_of "$layouts/cold-only")"
  for path in /v2/public/../team/hot-only/manifests/1 /v2/public%2f..%2fteam/hot-only/manifests/1 /v2/public/%2e%2e/team/hot-only/manifests/1 \
    //v2/team/hot-only/manifests/1 /v2//team/hot-only/manifests/1 /v2/team//hot-only/manifests/1 /v2/team%2fhot-only/manifests/1 /V2/team/hot-only/manifests/1 \
    /v2/Team/hot-only/manifests/1 '/v2/team/hot-only/manifests/1;public' '/v2/team/hot-only/manifests/1/' '/v2/public/app/../../team/hot-only/manifests/1' \
    '/v2/team/hot-only/manifests/1?ns=public' '/v2/team/hot-only/manifests/1?ns=docker.io' '/v2/team/hot-only/manifests/1?ns=127.0.0.1:1' /v2/_catalog; do
    sent "nobody: $path" '400|401|404' "$path"
  done
  sent "nobody: X-Forwarded-For: 10.0.0.1, and the rule has 10.0.0.0/8" 401 $manifest -H "X-Forwarded-For: 10.0.0.1" -H "Forwarded: for=10.0.0.1" -H "X-Real-IP: 10.0.0.1"
  sent "nobody: X-Original-URL and X-HTTP-Method-Override" 401 $manifest -H "X-Original-URL: /v2/public/app/manifests/1" -H "X-HTTP-Method-Override: OPTIONS"
  for method in POST PUT PATCH DELETE OPTIONS; do
    sent "nobody: $method ${manifest}" '401|403|404|405' $manifest -X $method
  done
  sent "nobody: /v2/" 401 /v2/
  sent "nobody: /v2" '401|404' /v2
}

check_attacks_on_passwords() {
  local name long
  for name in p0 p72 p73 p10000 pnul pbytes; do
    htpasswd -nbBC 4 $name "$(password_of $name)" | grep . >>"$access/users.htpasswd"
  done
  long=$(printf '%-72s' "a password of exactly seventy-two bytes" | tr ' ' x)
  htpasswd -nbBC 4 long "$long" | grep . >>"$access/users.htpasswd"
  check "changed users: long is known within 20 s" comes_to 20 200 /v2/ -H "$(basic long "$long")"
  sent "password of 72 bytes, the right one"              200 /v2/ -H "$(basic long "$long")"
  sent "password of 73 bytes, 72 of them right"           401 /v2/ -H "$(basic long "${long}x")"
  sent "password of 0 bytes"                              401 /v2/ -H "$(basic p0 "")"
  sent "password of 72 bytes, wrong"                      401 /v2/ -H "$(basic p72 "${long%x}y")"
  sent "password of 73 bytes"                             401 /v2/ -H "$(basic p73 "${long}y")"
  sent "password of 10,000 bytes"                         '401|431' /v2/ -H "$(basic p10000 "$(printf 'long pass %.0s' {1..1000})")"
  sent "password with a NUL after the right one"          401 /v2/ -H "Authorization: Basic $(printf 'pnul:%s\0x' "$(password_of pnul)" | base64 -w0)"
  sent "password that is no UTF-8"                        401 /v2/ -H "Authorization: Basic $(printf 'pbytes:\xff\xfe\x80 no text' | base64 -w0)"
  sent "password of somebody else"                        401 /v2/ -H "$(basic containerd-user "$(password_of carol)")"
  sent "robot: its name and a wrong token"                401 /v2/ -H "$(basic ci "${robot_token%?}-")"
  sent "robot: its token under a user's name"             401 /v2/ -H "$(basic docker-user "$robot_token")"
  sent "user ''"                                          401 /v2/ -H "$(basic "" "a password without a user")"
  sent "user and password ''"                             401 /v2/ -H "Authorization: Basic $(printf : | base64)"
  for name in 'al\nice' 'alice\n' 'alice\0' 'al\rice' 'al\tice' '\x1b[31malice' 'alice\x7f' 'al\xc2\x85ice' 'al\xe2\x80\xa8ice' 'al\xe2\x80\xaeice' '\xff\xfealice' ' alice' 'ALICE' 'group:admins' \
    'github:acme/app' 'user:alice' '*' '**' '{user}' '../alice'; do
    sent "user $name with alice's password"               401 /v2/ -H "Authorization: Basic $(printf "$name:%s" "$(password_of alice)" | base64 -w0)"
  done
  sent "user of 10,000 characters"                        '401|431' /v2/ -H "$(basic "$(printf 'a%.0s' {1..10000})" "a password of a long name")"
  sent "Basic without a colon"                            401 /v2/ -H "Authorization: Basic $(printf %s "$(secret 'a token and no name before it')" | base64 -w0)"
  sent "Basic that is no Base64"                          401 /v2/ -H "Authorization: Basic !!!$(secret 'not-base64-at-all')"
  sent "Digest"                                           401 /v2/ -H "Authorization: Digest username=\"alice\", response=\"$(secret 'response-of-digest')\""
  sent "two headers Authorization, the first wrong"       '400|401' /v2/ -H "Authorization: Basic YWJj" -H "$(basic alice "$(password_of alice)")"
  sent "user and password in the URL's place"             '400|401|404' "/v2/?user=alice&password=$(secret 'password-in-the-address')"
  for _ in 1 2 3 4; do sent "bob with a wrong password, again and again" '401|429' /v2/ -H "$(basic bob "not bob's password")"; done
  sent "bob with a wrong password, for the 5th time"      429 /v2/ -H "$(basic bob "not bob's password")"
  check "the 5th time has Retry-After"                    grep -i '^retry-after: [0-9]' "$work/head"
}

check_attacks_on_own_tokens() {
  local own payload header form
  own=$(secret "$(own_token carol carol/app)")
  payload=$(tr -- '-_' '+/' <<<"$own" | cut -d. -f2 | base64 -d 2>/dev/null || true)
  sent "the mirror's token"                               200 /v2/carol/app/manifests/1 -H "$(bearer "$own")"
  sent "the mirror's token for another repository"        '401|403' /v2/team/hot-only/manifests/1 -H "$(bearer "$own")"
  sent "the mirror's token as a password"                 401 /v2/carol/app/manifests/1 -H "$(basic token "$own")"
  sent "the mirror's token at its token service"          401 "/token?scope=repository:carol/app:pull" -H "$(bearer "$own")"
  sent "the mirror's token, other claims"                 401 /v2/team/hot-only/manifests/1 \
    -H "$(bearer "${own%%.*}.$(jq -c '.sub = "alice" | .access[0].name = "team/hot-only"' <<<"$payload" | tr -d '\n' | base64url).${own##*.}")"
  sent "the mirror's token, later expiry"                 401 /v2/carol/app/manifests/1 -H "$(bearer "${own%%.*}.$(jq -c '.exp += 1' <<<"$payload" | tr -d '\n' | base64url).${own##*.}")"
  for form in none mac:/etc/hostname "mac:$access/first.pub" stranger; do
    for header in . ".jwk = $(jwk stranger)" '.alg = "HS256"' '.alg = "HS512"'; do
      sent "the mirror's token, made by ${form##*/} with ${header:0:16}" 401 /v2/carol/app/manifests/1 -H "$(bearer "$(token "$form" "$(jq -c . <<<"$payload")" "$header")")"
    done
  done
  sent "the mirror's token, the signature's last character another" 401 /v2/carol/app/manifests/1 -H "$(bearer "${own:0:-5}AAAAA")"
  mirror_command robot remove ci >"$work/logs/robot.log"
  check "a robot that was removed: its token is refused within 20 s" comes_to 20 401 /v2/team/hot-only/manifests/1 -H "$(basic ci "$robot_token")"
}

own_token() {
  ask -H "$(basic "$1" "$(password_of "$1")")" "http://$mirror/token?service=mirror-registry&scope=repository:$2:pull" | jq -r .token
}

check_attacks_on_token_service() {
  local alice number scopes=() long
  alice=$(basic alice "$(password_of alice)")
  sent "token: no parameters, no login"        200 /token
  for number in {1..101}; do scopes+=("scope=repository:team/app-$number:pull"); done
  sent "token: scopes of 100 repositories"     200 "/token?$(IFS='&'; echo "${scopes[*]:0:100}")" -H "$alice"
  sent "token: scopes of 101 repositories"     400 "/token?$(IFS='&'; echo "${scopes[*]}")" -H "$alice"
  sent "token: scopes of 101 repositories in one parameter" 400 "/token?scope=$(IFS='&'; sed 's/&scope=/%20/g; s/^scope=//' <<<"${scopes[*]}")" -H "$alice"
  long=$(printf 'a%.0s' {1..100})
  sent "token: scopes that would make a token too long" '400|414' "/token?$(for number in {1..100}; do printf 'scope=repository:t/%s%s:pull&' "$number" "$long"; done)" -H "$alice"
  sent "token: scope with a name with colons"  200 "/token?scope=repository:registry.example.com:5000/team/app:pull" -H "$alice"
  check "its name is registry.example.com:5000/team/app" names_in_token registry.example.com:5000/team/app
  for number in repository repository: repository:: repository::pull repository:team/app : :::: registry:catalog:* 'repository(plugin):a:pull' repository:team/app:nothing "repository:$(printf '%%00'):pull"; do
    sent "token: scope $number"                200 "/token?scope=$number" -H "$alice"
  done
  sent "token: scope repository:%zz:pull"      '200|400' "/token?scope=repository:%zz:pull" -H "$alice"
  sent "token: another service"                400 "/token?service=other.example.com" -H "$alice"
  sent "token: a service with line breaks"     400 "/token?service=%0d%0aSet-Cookie:%20a" -H "$alice"
  check "no header of the answer was made by the client" not_in_head 'set-cookie'
  sent "token: wrong password"                 401 /token -H "$(basic skopeo-user "not the password")"
  sent "token: an unknown user that pulls is nobody" 200 "/token?scope=repository:public/app:pull" -H "$(basic nobody-known "a password of nobody")"
  sent "token: an unknown user that logs in"   401 /token -H "$(basic nobody-known "a password of nobody")"
  sent "token: POST with a password"           200 /token --data-urlencode grant_type=password --data-urlencode username=carol --data-urlencode "password=$(password_of carol)"
  sent "token: POST with a wrong password"     401 /token --data-urlencode grant_type=password --data-urlencode username=oras-user --data-urlencode "password=$(secret "no password for a form")"
  sent "token: POST of refresh_token"          400 /token -d "grant_type=refresh_token&refresh_token=$(secret a-refresh-token-of-nobody)"
  sent "token: POST of JSON"                   415 /token --json '{"grant_type": "password"}'
  sent "token: POST without a body"            '400|415' /token -X POST
  head -c 1000000 /dev/zero | tr '\0' 'a' >"$work/megabyte"
  sent "token: POST of 1 MB"                   413 /token -H "Expect:" --data-binary "@$work/megabyte"
  sent "token: POST of 1 MB in chunks"         '411|413' /token -H "Expect:" -H "Transfer-Encoding: chunked" --data-binary "@$work/megabyte"
  for number in PUT DELETE PATCH; do sent "token: $number" 405 /token -X $number; done
  sent "token: with a path after it"           '401|404' /token/more
}

names_in_token() {
  same "name" "$1" "$(jq -r .token "$work/body" | cut -d. -f2 | tr -- '-_' '+/' | base64 -d 2>/dev/null | jq -r '.access[].name')"
}

not_in_head() {
  ! grep -i "$1" "$work/head"
}

# --- files: a wrong one changes nothing while the mirror runs, `check` names the fault, and a start is refused

check_attacks_on_files() {
  local good hash kind
  cp "$access/access.yaml" "$access/good.yaml"
  good=$(cat "$access/access.yaml")
  broken_access "half written"             access.yaml: "$(head -n 15 <<<"$good" | head -c -20)"
  check "access.yaml, half written: a start is refused with a line that names it" refuses_start access.yaml
  broken_access "empty"                    access.yaml ""
  broken_access "no YAML"                  access.yaml:1 '{{{ rules'
  broken_access "a control character"      access.yaml:1:8 $'rules: \x01'
  broken_access "10,000 brackets"          access.yaml:1 "$(printf '[%.0s' {1..10000})"
  broken_access "anchors that grow"        access.yaml "$(growing_anchors)"
  broken_access "rules of no list"         access.yaml: "${good%%rules:*}rules: all"
  broken_access "a file that is not there" nobody.htpasswd "${good/users.htpasswd/nobody.htpasswd}"
  broken_access "five faults"              "access.yaml:1:1: access.yaml:12: destroy access.yaml:24: 10.0.0.0/99" "user: users.htpasswd
$(sed -e 's/who: users,/who: everybody,/' -e 's/delete\]/destroy]/' -e 's,10.0.0.0/8,10.0.0.0/99,' -e 's,keys: cluster.json,keys: http://issuer.example.com/keys.json,' <<<"$good")"
  cp "$access/good.yaml" "$access/access.yaml"
  check "rules that never fit are named by check" names_hidden_rules "$good"
  sed 's/^/     /' "$work/said"
  cp "$access/good.yaml" "$access/access.yaml"
  check_unknown_hashes
  check "the good files are taken again within 20 s" comes_to_no_problem
}

# Each hash is another kind; check has to name the line of each.
check_unknown_hashes() {
  local hash line places=""
  cp "$access/users.htpasswd" "$access/good.htpasswd"
  line=$(wc -l <"$access/users.htpasswd")
  for hash in '$apr1$abcdefgh$0123456789abcdefghijkl' '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=' '$6$saltsalt$0123456789abcdefghijklmnopqrstuvwxyz' 'the plain password' \
    '$2y$10$abcdefghij' "\$2y\$31\$$(printf 'a%.0s' {1..53})" ''; do
    line=$((line + 1))
    places+=" users.htpasswd:$line:"
    secret "$hash" >"$work/sent"
    echo "mallory-$line:$hash" >>"$access/users.htpasswd"
  done
  check "users.htpasswd with seven unfit hashes: check names each line, the running mirror goes on" stays_as_it_was "$places"
  sed 's/^/     /' "$work/said"
  : >"$work/said"
  check "users.htpasswd with seven unfit hashes: a start is refused with a line that names it" refuses_start users.htpasswd
  cp "$access/good.htpasswd" "$access/users.htpasswd"
}

growing_anchors() {
  local i
  echo 'a0: &a0 [x, x, x, x, x, x, x, x, x]'
  for i in {1..9}; do echo "a$i: &a$i [*a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1))]"; done
}

# broken_access WHAT WORDS TEXT: check has to say each of the words.
broken_access() {
  printf '%s' "$3" >"$access/access.yaml"
  check "access.yaml, $1: check names it, the running mirror goes on" stays_as_it_was "$2"
  shown
}

stays_as_it_was() {
  local status=0 word
  mirror_command check >"$work/said" 2>&1 || status=$?
  cat "$work/said"
  same "exit code of check" 1 "$status"
  for word in $1; do
    grep -F "$word" "$work/said" >"$work/place" || { echo "check does not say $word"; return 1; }
  done
  if grep -P '[\x00-\x08\x0b-\x1f\x7f]' "$work/said"; then return 1; fi
  if grep -F -f "$access/secrets" "$work/said"; then return 1; fi
  for _ in {1..100}; do
    if shows_problem; then break; fi
    sleep 0.2
  done
  shows_problem
  same "alice" 200 "$(status /v2/team/hot-only/manifests/1 -H "$(basic alice "$(password_of alice)")")"
  same "nobody" 401 "$(status /v2/team/hot-only/manifests/1)"
  same "public" 200 "$(status /v2/public/app/manifests/1)"
}

# refuses_start WORD: one line, and no stack.
refuses_start() {
  local status=0
  limit env MIRROR_SERVER_PORT="$(free_port)" MIRROR_MANAGEMENT_PORT="$(free_port)" "${access_settings[@]}" "$(jdk 17 || jdk 25)/bin/java" -jar target/mirror-registry.jar \
    >"$work/start.txt" 2>&1 || status=$?
  cat "$work/start.txt"
  same "exit code" 1 "$status"
  grep -F "$1" "$work/start.txt"
  if grep -E '^\s+at |Exception' "$work/start.txt"; then return 1; fi
  if grep -F -f "$access/secrets" "$work/start.txt"; then return 1; fi
}

access_health() {
  ask "http://$management/observe/health?data=true" | jq -c '.. | objects | select((.name? // "") | test("access"))'
}

shows_problem() {
  access_health | grep -E 'htpasswd|access.yaml'
}

comes_to_no_problem() {
  for _ in {1..100}; do
    if ! shows_problem; then return; fi
    sleep 0.2
  done
  access_health
  return 1
}

names_hidden_rules() {
  printf '%s\n' "$1" '  - {who: users, repositories: "public/late", may: [pull]}' '  - {who: "group:nobody", repositories: "x/**", may: [pull]}' \
    '  - {who: "user:gone", repositories: "x/**", may: [pull]}' >"$access/access.yaml"
  mirror_command check >"$work/said" 2>&1 || true
  cat "$work/said"
  same "warnings" 3 "$(grep -cE 'access.yaml:[0-9]+:[0-9]+: .*(never decides|fits nobody)' "$work/said")"
}

# --- a flood of logins

check_login_flood() {
  local number
  for number in {1..1000}; do
    printf 'url = "http://%s/v2/"\nuser = "flood-%d:password of the flood %d"\noutput = "%s/flood.body"\nwrite-out = "%%{http_code}\\n"\n' "$mirror" "$number" "$number" "$work"
    ((number == 1000)) || echo next
  done >"$work/flood.curl"
  echo "password of the flood" >>"$access/secrets"
  sent "carol, before a flood" 200 /v2/carol/app/manifests/1 -H "$(basic carol "$(password_of carol)")"
  check "a thousand unknown users, 300 at a time: 401 or 503, and carol pulls meanwhile" carol_pulls_in_flood
  sort "$work/flood.txt" | uniq -c | sed 's/^ */     /'
}

carol_pulls_in_flood() {
  local flood
  limit curl -s -Z --parallel-max 300 -K "$work/flood.curl" >"$work/flood.txt" 2>"$work/flood.err" &
  flood=$!
  for _ in {1..20}; do
    same "carol" 200 "$(status /v2/carol/app/manifests/1 -H "$(basic carol "$(password_of carol)")")"
    same "nobody" 200 "$(status /v2/public/app/manifests/1)"
    sleep 0.1
  done
  wait "$flood"
  same "answers" 1000 "$(grep -cE '^(401|503)$' "$work/flood.txt")"
}

# --- the log

logs_no_secret() {
  local name
  for name in alice bob carol docker-user skopeo-user containerd-user; do password_of "$name" >>"$access/secrets"; done
  sort -u "$access/secrets" | grep -E '.{8}' >"$work/secrets"
  [[ -s $work/logs/mirror-access.log ]]
  if grep -F -f "$work/secrets" "$work/logs/mirror-access.log" | cut -c 1-300; then return 1; fi
}

logs_no_control_characters() {
  if LC_ALL=C grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]' "$work/logs/mirror-access.log" | cut -c 1-300 | cat -v; then return 1; fi
}
