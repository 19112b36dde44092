# What kubectl would apply is built as users build it, and checked against the schemas that Kubernetes publishes.
# shellcheck shell=bash

# Pinned: the newest that the Go of the conformance suite can build. Where there is a kubectl, that is asked.
kustomize=sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
# A package with the schemas of these versions in it, so that nothing else is fetched.
schemas=kubernetes-validate==1.37.0
# The oldest that deploy/README.md promises, and the newest there is.
kubernetes_versions=(1.30.0 1.37.0)

check_kubernetes() {
  local version built=$work/kubernetes
  mkdir -p "$built"
  if ! command -v kubectl >/dev/null; then GOBIN=$work/bin go install "$kustomize"; fi
  check "the base builds" built_of deploy/kubernetes "$built/base.yaml" 10
  check "the base with its metrics watched builds" built_of deploy/kubernetes-monitoring "$built/monitoring.yaml" 12
  check "the base with a port on each node builds" built_of deploy/kubernetes-nodeport "$built/nodeport.yaml" 11
  check "the base with a load balancer builds" built_of deploy/kubernetes-loadbalancer "$built/loadbalancer.yaml" 11
  check "the base with access control builds" built_of deploy/kubernetes-access "$built/access.yaml" 13
  check "the base with warming builds" built_of deploy/kubernetes-warming "$built/warming.yaml" 12
  check "the base with warming and PostgreSQL builds" built_of deploy/kubernetes-warming-postgresql "$built/postgresql.yaml" 13
  check "warming and access control build together" together "$built/together.yaml" 15
  check "the routes alone build" built_of routes "$built/routes.yaml" 1
  python3 -m venv "$work/python"
  "$work/python/bin/pip" install --quiet --disable-pip-version-check "$schemas"
  for version in "${kubernetes_versions[@]}"; do
    check "Kubernetes ${version%.*} knows every field of it" fits_schemas "$version" "$built/base.yaml" 10
    check "Kubernetes ${version%.*} knows what the port on each node adds" fits_schemas "$version" "$built/nodeport.yaml" 11
    check "Kubernetes ${version%.*} knows what the load balancer adds" fits_schemas "$version" "$built/loadbalancer.yaml" 11
    check "Kubernetes ${version%.*} knows what access control adds" fits_schemas "$version" "$built/access.yaml" 13
    check "Kubernetes ${version%.*} knows what warming adds" fits_schemas "$version" "$built/warming.yaml" 12
    check "Kubernetes ${version%.*} knows what warming with PostgreSQL adds" fits_schemas "$version" "$built/postgresql.yaml" 13
    # Of a ServiceMonitor, which is the Prometheus operator's own, it has no schema.
    check "Kubernetes ${version%.*} knows what the watched one adds" fits_schemas "$version" "$built/monitoring.yaml" 11
  done
}

# built_of FOLDER FILE OBJECTS
built_of() {
  if command -v kubectl >/dev/null; then
    kubectl kustomize "$1" >"$2"
  else
    "$work/bin/kustomize" build "$1" >"$2"
  fi
  same "objects" "$3" "$(grep -c '^kind: ' "$2")"
}

# together FILE OBJECTS: as deploy/README.md says.
together() {
  rm -rf "$work/together"
  mkdir "$work/together"
  cp -r deploy routes "$work/together"
  sed -i 's|^  - \.\./kubernetes$|  - ../kubernetes-access|' "$work/together/deploy/kubernetes-warming/kustomization.yaml"
  built_of "$work/together/deploy/kubernetes-warming" "$1" "$2"
}

# fits_schemas VERSION FILE OBJECTS: strictly, so that a field of another name is a fault.
fits_schemas() {
  "$work/python/bin/kubernetes-validate" --strict -k "$1" "$2" | tee "$work/validated"
  same "objects with a schema" "$3" "$(grep -c ' passed for ' "$work/validated")"
}
