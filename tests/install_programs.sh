#!/bin/sh
# What the tests drive besides Python: real brokers, databases and a real browser, from Debian, and
# a compiler for the clock that is wrong (stepped_clock.c).
# Each argument is one more: a command (or a file), or `command:package`.
# Nothing of it is started here, and no service of this machine is touched: each test starts its own.
set -eu
PATH="$PATH:/usr/sbin:/sbin"
postgres=/usr/lib/postgresql/15/bin/postgres
missing=""
for need in mosquitto chromium ip:iproute2 iptables rabbitmq-server patroni etcd:etcd-server $postgres:postgresql-15 \
    cc:gcc /usr/include/stdio.h:libc6-dev "$@"; do
    command -v "${need%%:*}" >/dev/null || [ -e "${need%%:*}" ] || missing="$missing ${need##*:}"
done
[ -n "$missing" ] || exit 0
echo "installing$missing"
as_root=$([ "$(id -u)" = 0 ] || echo sudo)
# Debian starts a service as soon as it is installed, unless this says no (invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
    $as_root chmod 755 $policy
    trap '$as_root rm -f $policy' EXIT
fi
$as_root apt-get update -q >/dev/null
# shellcheck disable=SC2086 # a list
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -q --no-install-recommends $missing >/dev/null
