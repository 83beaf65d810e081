#!/usr/bin/env bash
# The smallest real Ceph RADOS Gateway (S3): 1 mon + 1 osd + 1 radosgw, run as root, on 127.0.0.1 only.
#
#   ceph-rgw.sh install   apt-get install the three daemons, if they are missing
#   ceph-rgw.sh start     bring it up (installs first); prints S3_* settings on stdout
#   ceph-rgw.sh run       start, then wait until standard input is closed, then clean: it ends with whoever began it
#   ceph-rgw.sh admin     radosgw-admin with the arguments that follow
#   ceph-rgw.sh stop | status | env | clean     clean = stop + delete everything
#
# Everything it writes (configuration, data, logs, pid files) is under $CEPH_DIR, so that several can run side by side;
# free ports are picked at the first start unless CEPH_MON_PORT and CEPH_RGW_PORT are given. Processes are stopped by
# the pids written there, never by name. Idempotent and locked: `start` on a running cluster only prints the settings,
# on a half-dead one it completes or rebuilds it.
set -euo pipefail

DIR=${CEPH_DIR:-${TMPDIR:-/tmp}/ceph-rgw}
STORE=${CEPH_STORE:-memstore}                  # memstore: objects in RAM, gone at stop; bluestore: a sparse file, kept
STORE_BYTES=${CEPH_STORE_BYTES:-8589934592}    # capacity (RAM is only used as data arrives; the file is sparse)
MON_PORT=${CEPH_MON_PORT:-}
RGW_PORT=${CEPH_RGW_PORT:-}
ACCESS_KEY=${S3_ACCESS_KEY:-testaccesskey}
SECRET_KEY=${S3_SECRET_KEY:-testsecretkey0123456789}
STORAGE_CLASSES=${CEPH_STORAGE_CLASSES:-}      # e.g. "STANDARD_IA GLACIER": made valid x-amz-storage-class values
CONF=$DIR/ceph.conf
DAEMONS="mon.a:ceph-mon osd.0:ceph-osd client.rgw:radosgw"     # pid-file name : program name

# shellcheck source=/dev/null
read_ports() { [ ! -e "$DIR/ports" ] || . "$DIR/ports"; }
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_port() { # below the ephemeral ports, which outgoing connections of other programs take
  local p; while :; do p=$((20000 + (RANDOM * 32768 + RANDOM) % 12000)); listening "$p" || { echo "$p"; return; }; done
}
pick_ports() { # once per $DIR, so that a restart comes back where its clients look for it
  read_ports
  : "${MON_PORT:=$(free_port)}" "${RGW_PORT:=$(free_port)}"
  printf 'MON_PORT=%s\nRGW_PORT=%s\n' "$MON_PORT" "$RGW_PORT" > "$DIR/ports"
}

log() { printf 'ceph-rgw: %s\n' "$*" >&2; }
pid_of() { cat "$DIR/$1.pid" 2>/dev/null || true; }
alive() { # pid-file name, program name. By argv[0], which a zombie (killed, not reaped by a lazy pid 1) has not
  local p argv0=; p=$(pid_of "$1")
  [ -n "$p" ] && IFS= read -r -d '' argv0 2>/dev/null < "/proc/$p/cmdline" && [ "${argv0##*/}" = "$2" ]
}
wait_until() { # seconds, command...
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || return 1; sleep 0.05; done
}
http_up() { listening "$RGW_PORT"; }
die() { log "$*"; tail -n 15 "$DIR"/log/*.log >&2 2>/dev/null || true; exit 1; }

cmd_install() {
  local c missing=
  for c in ceph-mon ceph-osd radosgw radosgw-admin ceph monmaptool; do command -v $c >/dev/null || missing="$missing $c"; done
  [ -n "$missing" ] || return 0
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ceph-mon ceph-osd radosgw >&2
}

write_conf() {
  local fsid; fsid=$(cat /proc/sys/kernel/random/uuid)
  echo "$fsid" > "$DIR/fsid"
  cat > "$CONF" <<CONF
[global]
fsid = $fsid
mon host = v2:127.0.0.1:$MON_PORT/0
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false
# without cephx there are no keys to encrypt with, and radosgw insists on an encrypted monitor link unless told this
ms mon cluster mode = crc
ms mon service mode = crc
ms mon client mode = crc
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = false
keyring = $DIR/keyring
run dir = $DIR
pid file = $DIR/\$name.pid
admin socket =
log file = $DIR/log/\$name.log
log to stderr = false
err to stderr = false
mon cluster log file = $DIR/log/cluster.log
crash dir = $DIR/crash
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000

[mon.a]
mon data = $DIR/mon.a
paxos propose interval = 0.05
paxos min wait = 0.01
mon data avail warn = 1
mon data avail crit = 1

[osd]
osd data = $DIR/osd.\$id
osd objectstore = $STORE
osd class dir = /usr/lib/$(uname -m)-linux-gnu/rados-classes
osd crush initial weight = 1
osd op num shards = 2
osd op num threads per shard = 1
osd memory target = 1073741824
osd max object name len = 2048
memstore device bytes = $STORE_BYTES
bluestore block size = $STORE_BYTES

[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$RGW_PORT tcp_nodelay=1
rgw data = $DIR/rgw
rgw init timeout = 60
rgw thread pool size = 64
rgw crypt require ssl = false
rgw dns name = s3.localhost
rgw enable ops log = false
rgw run sync thread = false
rgw gc obj min wait = 10
rgw gc processor period = 10
${CEPH_RGW_EXTRA:-}
CONF
}
rgw_admin() { timeout 60 radosgw-admin -c "$CONF" -n client.rgw "$@" >/dev/null || die "radosgw-admin $1 $2 failed"; }

cmd_start() {
  cmd_install
  mkdir -p "$DIR"
  exec 9>"$DIR/lock"; flock -w 120 9 || die "another start or stop holds the lock"
  pick_ports
  # a memstore whose osd is gone has lost its objects: the monitor's record of them is worthless, so begin again
  if [ -e "$DIR/mkfs.done" ] && [ "$STORE" = memstore ] && ! alive osd.0 ceph-osd; then stop_all; fi
  [ -e "$DIR/mkfs.done" ] || { stop_all; wipe; }     # nothing yet, or an earlier start that failed half way
  mkdir -p "$DIR/log" "$DIR/crash/posted" "$DIR/rgw" "$DIR/mon.a" "$DIR/osd.0"
  if ! [ -e "$DIR/mkfs.done" ]; then
    write_conf; : > "$DIR/keyring"
    monmaptool --create --clobber --fsid "$(cat "$DIR/fsid")" --addv a "[v2:127.0.0.1:$MON_PORT]" "$DIR/monmap" >/dev/null
    ceph-mon --mkfs -i a --monmap "$DIR/monmap" -c "$CONF" 9>&- || die "mon mkfs failed"
  fi
  alive mon.a ceph-mon || ceph-mon -i a -c "$CONF" 9>&- || die "mon did not start"
  if ! [ -e "$DIR/mkfs.done" ]; then
    local uuid; uuid=$(cat /proc/sys/kernel/random/uuid)
    timeout 30 ceph -c "$CONF" osd new "$uuid" 0 >/dev/null 9>&- || die "osd new failed"
    ceph-osd -i 0 --mkfs --osd-uuid "$uuid" -c "$CONF" >/dev/null 9>&- || die "osd mkfs failed"
    : > "$DIR/mkfs.done"
  fi
  alive osd.0 ceph-osd || ceph-osd -i 0 -c "$CONF" >/dev/null 9>&- || die "osd did not start"
  if ! [ -e "$DIR/user.done" ]; then           # this first radosgw-admin call also makes the gateway's system pools
    rgw_admin user create --uid=test --display-name=test --access-key="$ACCESS_KEY" --secret-key="$SECRET_KEY" --max-buckets=100000
    local c; for c in $STORAGE_CLASSES; do
      rgw_admin zonegroup placement add --rgw-zonegroup default --placement-id default-placement --storage-class "$c"
      rgw_admin zone placement add --rgw-zone default --placement-id default-placement --storage-class "$c" --data-pool default.rgw.buckets.data
    done
    : > "$DIR/user.done"
  fi
  alive client.rgw radosgw || ! http_up || die "port $RGW_PORT is taken by another program"
  alive client.rgw radosgw || radosgw -n client.rgw -c "$CONF" >/dev/null 9>&- || die "radosgw did not start"
  wait_until 60 http_up || die "radosgw does not answer on port $RGW_PORT"
  cmd_env
}

gone() { ! alive "$1" "$2"; }
stop_one() { # signal, pid-file name, program name
  if alive "$2" "$3"; then
    kill "-$1" "$(pid_of "$2")" 2>/dev/null || true
    wait_until 5 gone "$2" "$3" || { kill -KILL "$(pid_of "$2")" 2>/dev/null || true; wait_until 5 gone "$2" "$3" || true; }
  fi
  rm -f "$DIR/$2.pid"
}
wipe() { rm -rf "$DIR"/{mon.a,osd.0,rgw,crash,monmap,fsid,mkfs.done,user.done}; }
stop_all() { # memstore has nothing to save: kill. bluestore: shut down properly (a killed gateway leaves watches in
             # the osd, on which the next gateway's first bucket creation waits 30 s)
  local s=TERM; [ "$STORE" != memstore ] || s=KILL
  stop_one $s client.rgw radosgw
  stop_one $s osd.0 ceph-osd
  stop_one $s mon.a ceph-mon
  [ "$STORE" != memstore ] || wipe
}
cmd_stop() { [ -d "$DIR" ] || return 0; exec 9>"$DIR/lock"; flock -w 120 9 || die "locked"; stop_all; }
cmd_clean() { cmd_stop; rm -rf "$DIR"; }
cmd_run() {
  trap '' INT HUP          # Ctrl-C goes to the whole terminal; the end of standard input is what counts
  cmd_start
  exec 9>&-
  cat > /dev/null || true
  cmd_clean
}
cmd_admin() { timeout 60 radosgw-admin -c "$CONF" -n client.rgw "$@"; }
cmd_status() {
  local d n p rc=0
  for d in $DAEMONS; do
    n=${d%%:*} p=${d##*:}
    if alive "$n" "$p"; then log "$n up, pid $(pid_of "$n"), rss $(awk '/VmRSS/{printf "%d MiB",$2/1024}' "/proc/$(pid_of "$n")/status")"
    else log "$n down"; rc=1; fi
  done
  return $rc
}
cmd_env() {
  read_ports
  cat <<ENV
S3_ENDPOINT=http://127.0.0.1:$RGW_PORT
S3_REGION=us-east-1
S3_ACCESS_KEY=$ACCESS_KEY
S3_SECRET_KEY=$SECRET_KEY
S3_FORCE_PATH_STYLE=true
ENV
}

case "${1:-}" in
  install|start|run|stop|status|clean|env) "cmd_$1" ;;
  admin) shift; cmd_admin "$@" ;;
  *) log "usage: ceph-rgw.sh install|start|run|admin|stop|status|clean|env"; exit 2 ;;
esac
