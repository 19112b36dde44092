# Pulls over https, with a certificate of an authority made here: through the mirror itself, and through nginx and Caddy before it
# with the configurations of deploy/, in which only names, ports and files are put in.
# shellcheck shell=bash

check_tls() {
  local tls=$work/tls address behind podman_tls=(--cert-dir "$work/tls/authority") scheme=https front
  # docker checks no certificate of loopback.
  address=$(hostname -I 2>/dev/null | awk '{print $1}')
  [[ $address ]] || address=127.0.0.1
  make_certificates
  start_dockerd

  start_mirror tls MIRROR_REGISTRY_HOT_URL="http://$hot" \
    MIRROR_SERVER_TLS_CERTIFICATE="$tls/fullchain.pem" MIRROR_SERVER_TLS_KEY="$tls/privkey.pem"
  mirror=$address:${mirror#*:}
  if [[ $address != 127.* ]]; then
    check "docker refuses a certificate of an authority it does not know" refuses_unknown_authority
  fi
  check_https "the mirror's own TLS"
  check "the mirror's own TLS: 1.0 and 1.1 are refused" refuses_old_tls

  scheme=http
  # Everybody may pull, but clients that ask /v2/ first get a token before: by way of the proxy, too.
  echo 'rules: [{who: anyone, repositories: "**", may: [pull]}]' >"$tls/access.yaml"
  start_mirror behind MIRROR_REGISTRY_HOT_URL="http://$hot" MIRROR_SERVER_TRUSTED_PROXIES=127.0.0.1 MIRROR_ACCESS_FILE="$tls/access.yaml" \
    MIRROR_SECRET="a secret of this run"
  scheme=https behind=$mirror
  for front in nginx caddy; do
    mirror=$address:$(free_port)
    "start_$front"
    check_https "$front"
    check "$front: the redirect to hot is left as it is" same "location" "307 http://$hot/v2/team/hot-only/blobs/$(layer_of hot-only)" \
      "$(secure_ask -o "$work/body" -w '%{http_code} %{redirect_url}' "https://$mirror/v2/team/hot-only/blobs/$(layer_of hot-only)")"
    check "$front: what is missing is told by the mirror" is_missing_behind
    check "$front: clients get a token through it" gives_token
    check "$front: the management port is not to be had" same "status" 404 \
      "$(secure_ask -o "$work/body" -w '%{http_code}' "https://$mirror/observe/health")"
    secure_ask -o "$work/body" -A "by-$front" "https://$mirror/v2/"
    check "$front: the access line has the client's address" has_line "remote=$address user_agent=by-$front"
    check "$front: TLS 1.0 and 1.1 are refused" refuses_old_tls
  done
}

# check_https WHAT: docker and podman pull from $mirror, which has to have a certificate of our authority.
check_https() {
  mkdir -p "/etc/docker/certs.d/$mirror"
  at_exit+=("rm -rf /etc/docker/certs.d/$mirror")
  cp "$tls/authority/ca.crt" "/etc/docker/certs.d/$mirror/ca.crt"
  check "docker pulls through $1" pull_with_docker team/hot-only:1 "$layouts/hot-only" image
  check "podman pulls through $1" pull_with_podman team/hot-only:1 "$layouts/hot-only" image
  check "docker pulls from the folder through $1" pull_with_docker library/hello:latest images library/hello:latest
}

make_certificates() {
  mkdir -p "$tls/authority"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=An authority of this run" \
    -keyout "$tls/authority.key" -out "$tls/authority/ca.crt" 2>"$work/logs/openssl.log"
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=mirror" -keyout "$tls/privkey.pem" -out "$tls/server.csr" 2>>"$work/logs/openssl.log"
  openssl x509 -req -in "$tls/server.csr" -days 2 -CA "$tls/authority/ca.crt" -CAkey "$tls/authority.key" -CAcreateserial \
    -extfile <(echo "subjectAltName=IP:$address,IP:127.0.0.1") -out "$tls/fullchain.pem" 2>>"$work/logs/openssl.log"
}

start_nginx() {
  local folder=$work/nginx-tls
  mkdir -p "$folder"
  sed -e "s|listen 443 |listen ${mirror#*:} |" -e "s|registry.example.com|$address|" -e "s|/etc/ssl/mirror-registry|$tls|" \
    -e "s|server 127.0.0.1:5000|server $behind|" deploy/nginx/mirror-registry.conf >"$folder/mirror-registry.conf"
  cat >"$folder/nginx.conf" <<END
pid $folder/pid;
error_log stderr;
events { }
http {
  access_log off;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  include $folder/mirror-registry.conf;
}
END
  start nginx-tls nginx -c "$folder/nginx.conf" -g 'daemon off;'
  wait_for nginx-tls secure_ask -f "https://$mirror/health"
}

start_caddy() {
  local folder=$work/caddy
  mkdir -p "$folder"
  { printf '{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system %s\n}\n' "$folder/storage"
    sed -e "s|registry.example.com|https://$mirror|" -e "s|/etc/ssl/mirror-registry|$tls|g" -e "s|reverse_proxy 127.0.0.1:5000|reverse_proxy $behind|" \
      deploy/caddy/Caddyfile; } >"$folder/Caddyfile"
  start caddy env HOME="$folder" caddy run --config "$folder/Caddyfile" --adapter caddyfile
  wait_for caddy secure_ask -f "https://$mirror/health"
}

secure_ask() {
  ask --cacert "$tls/authority/ca.crt" "$@"
}

refuses_unknown_authority() {
  ! docker_here pull "$mirror/team/hot-only:1" 2>"$work/refused" && grep "certificate signed by unknown authority" "$work/refused"
}

is_missing_behind() {
  same "status" 404 "$(secure_ask -o "$work/body" -w '%{http_code}' "https://$mirror/v2/team/nowhere/manifests/latest")"
  same "code" MANIFEST_UNKNOWN "$(jq -r '.errors[0].code' "$work/body")"
}

# The mirror names its token service by the scheme and the host that the client has asked.
gives_token() {
  same "realm" "https://$mirror/token" "$(secure_ask -i "https://$mirror/v2/" | sed -n 's/^www-authenticate: .*realm="\([^"]*\)".*/\1/ip')"
  secure_ask "https://$mirror/token?service=mirror-registry&scope=repository:team/hot-only:pull" | jq -e .token >/dev/null
}

has_line() {
  for _ in {1..50}; do
    if grep -F "$1" "$work/logs/mirror-behind.log"; then return; fi
    sleep 0.1
  done
  tail -n 3 "$work/logs/mirror-behind.log"
  return 1
}

# It has to be the server that refuses: a client that cannot speak the old version either would show nothing.
refuses_old_tls() {
  local version
  for version in 1.0 1.1; do
    if secure_ask --tlsv$version --tls-max $version --ciphers 'DEFAULT@SECLEVEL=0' "https://$mirror/v2/" 2>"$work/refused"; then return 1; fi
    grep "alert protocol version" "$work/refused" || { cat "$work/refused"; return 1; }
  done
}
