# docker's and containerd's daemons, each with all of its state in this run's folder and no rights to the firewall.
# shellcheck shell=bash

start_dockerd() {
  if [[ ${docker_running:-} ]]; then return; fi
  mkdir -p "$work/docker"
  echo '{}' >"$work/docker/daemon.json"   # not the machine's
  start dockerd dockerd --config-file "$work/docker/daemon.json" --data-root "$work/docker/data" --exec-root "$work/docker/exec" \
    --pidfile "$work/docker/pid" -H "unix://$work/docker.sock" --storage-driver vfs --iptables=false --ip6tables=false --bridge none
  wait_for dockerd docker_here version
  docker_running=yes
  at_exit+=(remove_containers)
}

docker_here() {
  limit docker -H "unix://$work/docker.sock" "$@"
}

remove_containers() {
  docker_here ps -aq | xargs -r docker -H "unix://$work/docker.sock" rm -f
}

start_containerd() {
  if [[ ${containerd_running:-} ]]; then return; fi
  mkdir -p "$work/containerd"
  cat >"$work/containerd/config.toml" <<END
version = 2
root = "$work/containerd/root"
state = "$work/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "$work/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "$work/containerd/opt"
END
  start containerd containerd --config "$work/containerd/config.toml"
  wait_for containerd ctr_here version
  containerd_running=yes
}

ctr_here() {
  limit ctr --address "$work/containerd.sock" "$@"
}
