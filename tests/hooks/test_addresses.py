"""Where webhooks may go, and where they never do."""

import ssl
from ipaddress import IPv4Address, ip_address

import pytest

from tests.hooks.followed import Followed
from tests.hooks.receiver import receiving
from tests.parts import Deployment
from tocsin_server.config import Config, ConfigError, DatabaseConfig, HooksConfig, KeysConfig
from tocsin_server.errors import Invalid, Refused
from tocsin_server.hooks import hooks
from tocsin_server.hooks.addresses import check_url, refuse
from tocsin_server.hooks.deliver import trusted

STRICT, HERE = HooksConfig(), HooksConfig(allow_http=True)
PRIVATE = HooksConfig(allow_private=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://cad.example.org/tocsin",
        "https://cad.example.org:8443/a?b=c",
        "https://93.184.216.34/",
        "https://[2606:4700::1111]/",
        "https://xn--stdte-lra.example/",
    ],
)
def test_an_address_on_the_internet_is_taken(url: str) -> None:
    assert check_url(f" {url} ", STRICT) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cad.example.org",
        "ftp://cad.example.org/",
        "https://",
        "https:///path",
        "https://cad.example.org:0/",
        "https://cad.example.org:99999/",
        "https://cad.example.org/\x00",
        "https://cad.example.org/a b",
        "https://st\u00e4dte.example/",
        "https://user:password@cad.example.org/",
        "https://cad.example.org/#part",
        "https://cad.example.org/" + "x" * 1000,
        "https://[::1",
        "http://cad.example.org/",
        "http://127.0.0.1/",
    ],
)
def test_what_is_no_address_to_send_to_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(Invalid, match=r".{20}"):
        check_url(url, STRICT)


def test_without_tls_only_this_very_machine_is_spoken_to_and_only_where_that_is_allowed() -> None:
    for host in ("127.0.0.1:8123", "localhost", "[::1]:80"):
        assert check_url(f"http://{host}/", HERE)
        with pytest.raises(Invalid, match="use https"):
            check_url(f"http://{host}/", PRIVATE)
    for host in ("10.0.0.1", "cad.example.org", "127.0.0.1.example.org"):
        with pytest.raises(Invalid, match="use https"):
            check_url(f"http://{host}/", HooksConfig(allow_http=True, allow_private=True))


OWN_NETWORK = ["10.1.2.3", "192.168.0.9", "172.16.5.5", "100.64.0.1", "fd00::1", "::ffff:10.1.2.3"]
OWN_NETWORK += ["127.0.0.1", "127.9.9.9", "::1", "64:ff9b::a01:203", "2002:a01:203::1"]


@pytest.mark.parametrize("address", OWN_NETWORK)
def test_the_servers_own_network_is_refused_unless_its_administrator_allows_it(
    address: str,
) -> None:
    assert "allow_private" in (refuse(ip_address(address), STRICT) or "")
    assert refuse(ip_address(address), PRIVATE) is None
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Invalid, match="allow_private"):
        check_url(f"https://{host}/", STRICT)


LINK_LOCAL = ["169.254.169.254", "fe80::1", "fe80::1%eth0"]
LINK_LOCAL += ["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"]


@pytest.mark.parametrize(
    "address",
    [
        *LINK_LOCAL,
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "ff02::1",
        str(IPv4Address(0)),
    ],
)
def test_what_is_no_receivers_address_is_refused_whatever_is_allowed(address: str) -> None:
    everything = HooksConfig(allow_http=True, allow_private=True)
    assert refuse(ip_address(address), everything) is not None


async def test_a_name_is_judged_by_what_it_comes_to_when_something_is_sent(
    followed: Followed,
) -> None:
    """As where a name that was good is pointed at the server's own network later."""
    async with receiving() as receiver:
        made = await followed.hook("https://localhost:1/", config=STRICT)
        await followed.press()
        await followed.send_all(await followed.replica("server-2", STRICT))
    (waiting,) = await followed.deliveries(made)
    assert waiting.state == "pending"
    assert "is in the server's own network" in (waiting.error or "")
    assert receiver.received == []


async def test_what_is_no_longer_allowed_is_no_longer_sent_to(followed: Followed) -> None:
    async with receiving() as receiver:
        made = await followed.hook(receiver.url, config=HERE)
        await followed.press()
        await followed.send_all(await followed.replica("server-2", PRIVATE))
    (waiting,) = await followed.deliveries(made)
    assert "use https://" in (waiting.error or "")
    assert receiver.received == []


async def test_a_certificate_counts_by_public_authorities_and_the_countys_own(
    followed: Followed, deployment: Deployment
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    broker = deployment.folder / "broker"
    tls.load_cert_chain(broker / "broker.crt", broker / "broker.key")
    ca_file = str(deployment.folder / "ca" / "ca.crt")
    ours = HooksConfig(allow_private=True, ca_file=ca_file)
    async with receiving(tls=tls) as receiver:
        made = await followed.hook(receiver.url, config=PRIVATE)
        await followed.press()
        await followed.send_all(await followed.replica("server-2", PRIVATE))
        (waiting,) = await followed.deliveries(made)
        assert "certificate is not good" in (waiting.error or "")
        assert receiver.received == []
        one = followed.one(made)
        await hooks.resend(followed.pool, delivery_id=waiting.delivery_id, **one)
        await followed.send_all(await followed.replica("server-3", ours))
    assert receiver.events == ["alert.pressed"]


def test_a_file_without_certificates_is_said_at_the_start(deployment: Deployment) -> None:
    for name in ("missing.crt", "tocsin.toml"):
        config = Config(
            replica_id="server-1",
            public_url="https://tocsin.example.org",
            database=DatabaseConfig(),
            brokers=[],
            keys=KeysConfig(receipt_key_file="none"),
            hooks=HooksConfig(ca_file=name),
            folder=str(deployment.folder),
        )
        with pytest.raises(ConfigError, match=rf"hooks.ca_file: can't read certificates in {name}"):
            trusted(config)


async def test_a_name_is_taken_once_and_there_are_so_many_at_most(followed: Followed) -> None:
    made = await followed.hook("https://cad.example.org/")
    with pytest.raises(Refused, match="already"):
        await followed.hook("https://cad.example.org/")
    for n in range(hooks.HOOKS_MAX - 1):
        await followed.hook("https://cad.example.org/", name=f"CAD {n}")
    with pytest.raises(Refused, match="the most"):
        await followed.hook("https://cad.example.org/", name="One more")
    assert len(await followed.hooks()) == hooks.HOOKS_MAX
    for keep_hours in (-1, hooks.KEEP_HOURS_MAX + 1):
        with pytest.raises(Invalid, match="can sign for"):
            await hooks.rotate_secret(
                followed.pool, **followed.one(made), keep_hours=keep_hours, by="Dana"
            )
