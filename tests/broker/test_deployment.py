"""The folder that `tocsin init` makes and `tocsin device add` adds to."""

import json
import os
import stat
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from tocsin_server.fleet import deployment
from tocsin_server.fleet.certificates import Authority, DeploymentError, names_in
from tocsin_server.fleet.deployment import (
    add_device,
    broker_config,
    configure_listener,
    create_deployment,
)
from tocsin_wire.signing import SigningKey, load_keys
from tocsin_wire.topics import is_device_id

NOW = datetime(2026, 11, 3, 6, 0, tzinfo=UTC)
LOCAL = ["mqtts://127.0.0.1:8883"]


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def modes_of(folder: Path, suffix: str) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob(f"*{suffix}")}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    create_deployment(tmp_path / "county", jurisdiction="48453", now=NOW)
    return tmp_path / "county"


def test_a_new_deployment_holds_everything_that_broker_and_server_need(tmp_path: Path) -> None:
    config = create_deployment(tmp_path / "a/b", jurisdiction="48453", replicas=2, now=NOW)
    assert config == tmp_path / "a/b/tocsin.toml"
    assert files_of(tmp_path / "a/b") == {
        "tocsin.toml",
        "ca/ca.crt",
        "ca/ca.key",
        "ca/command.key",
        "ca/issuing.crt",
        "ca/issuing.key",
        "broker/acl",
        "broker/broker.crt",
        "broker/broker.key",
        "broker/ca.crt",
        "broker/crl.pem",
        "broker/mosquitto.conf",
        "server/command_keys.json",
        "server/next_receipt.key",
        "server/receipt.key",
        "server/receipt_keys.json",
        "server/server-1.crt",
        "server/server-1.key",
        "server/server-2.crt",
        "server/server-2.key",
        "server/vapid.key",
    }


def test_the_servers_configuration_names_files_that_exist(made: Path) -> None:
    config = tomllib.loads((made / "tocsin.toml").read_text())
    assert config["replica_id"] == "server-1"
    assert config["brokers"] == [{"url": "mqtts://127.0.0.1:8883", "persistent": False}]
    named = [
        value
        for table in ("mqtt", "keys")
        for key, value in config[table].items()
        if key.endswith("_file")
    ]
    assert len(named) == 6
    assert all((made / name).is_file() for name in named)


def test_the_configuration_says_what_init_was_told(tmp_path: Path) -> None:
    create_deployment(
        tmp_path,
        jurisdiction="travis-county",
        broker_names=["a.county.example", "b.county.example"],
        brokers=["mqtts://a.county.example:8883", "mqtts://b.county.example"],
        broker_port=18883,
        broker_bind="10.1.2.3",
        listen="0.0.0.0:80",
        public_url="https://tocsin.county.example",
        dsn='postgresql://tocsin:p"w\\é@db/tocsin',
        now=NOW,
    )
    config = tomllib.loads((tmp_path / "tocsin.toml").read_text())
    assert [broker["url"] for broker in config["brokers"]] == [
        "mqtts://a.county.example:8883",
        "mqtts://b.county.example",
    ]
    assert config["listen"] == "0.0.0.0:80"
    assert config["public_url"] == "https://tocsin.county.example"
    assert config["database"]["dsn"] == 'postgresql://tocsin:p"w\\é@db/tocsin'
    assert names_in(tmp_path / "broker/broker.crt") == {"a.county.example", "b.county.example"}
    assert "\nlistener 18883 10.1.2.3\n" in (tmp_path / "broker/mosquitto.conf").read_text()


def test_the_server_goes_to_the_brokers_first_name_unless_told_otherwise(tmp_path: Path) -> None:
    create_deployment(
        tmp_path, jurisdiction="48453", broker_names=["::1", "localhost"], broker_port=9000
    )
    config = tomllib.loads((tmp_path / "tocsin.toml").read_text())
    assert [broker["url"] for broker in config["brokers"]] == ["mqtts://[::1]:9000"]


def test_the_brokers_files_are_the_shipped_ones(made: Path) -> None:
    for name in ("acl", "mosquitto.conf"):
        assert (made / "broker" / name).read_text() == (broker_config() / name).read_text()


def test_both_receipt_keys_are_published_the_current_one_first(made: Path) -> None:
    expected = [
        SigningKey.load(made / "server" / name).kid for name in ("receipt.key", "next_receipt.key")
    ]
    assert list(load_keys(made / "server/receipt_keys.json")) == expected
    assert expected[0] != expected[1]


def test_a_button_gets_everything_it_needs_and_the_database_what_it_needs(made: Path) -> None:
    new = add_device(made, jurisdiction="48453", brokers=LOCAL, now=NOW)
    assert is_device_id(new.device_id)
    assert new.folder == made / "devices" / new.device_id
    assert files_of(new.folder) == {
        "button.toml",
        "ca.crt",
        "client.crt",
        "client.key",
        "command_keys.json",
        "press.key",
        "receipt_keys.json",
    }
    press_key = SigningKey.load(new.folder / "press.key")
    assert (new.kid, new.public_key) == (press_key.kid, press_key.public.raw)
    assert new.jurisdiction == "48453"
    assert load_keys(new.folder / "receipt_keys.json").keys() == (
        load_keys(made / "server/receipt_keys.json").keys()
    )
    certificate, issuing = x509.load_pem_x509_certificates((new.folder / "client.crt").read_bytes())
    root = x509.load_pem_x509_certificate((new.folder / "ca.crt").read_bytes())
    certificate.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    assert certificate.subject.rfc4514_string() == f"CN={new.device_id}"


def test_the_buttons_configuration_reads_back_and_names_files_that_exist(made: Path) -> None:
    brokers = ["mqtts://127.0.0.1:8883", "wss://proxy.county.example/mqtt"]
    new = add_device(made, jurisdiction="48453", brokers=brokers, now=NOW)
    config = tomllib.loads((new.folder / "button.toml").read_text())
    named = [value for key, value in config.items() if key.endswith("_file")]
    assert len(named) == 5
    assert all((new.folder / name).is_file() for name in named)
    assert (config["device_id"], config["jurisdiction"]) == (new.device_id, "48453")
    assert config["brokers"] == brokers
    assert config["pins"] == {
        "button_no": 17,
        "button_nc": 27,
        "lamp": 22,
        "lamp_active_high": True,
    }
    assert config["behaviour"] == {"armed_blip": False, "hold_is_cancel": False}


def test_a_button_reaches_a_cluster_as_one_broker_that_keeps_its_session(made: Path) -> None:
    nodes = ["mqtts://127.0.0.1:8883", "mqtts://localhost:8883", "mqtts://[::1]:8883"]
    new = add_device(made, jurisdiction="48453", brokers=[], clusters=[nodes])
    (broker,) = tomllib.loads((new.folder / "button.toml").read_text())["brokers"]
    assert broker == {"url": nodes[0], "other_nodes": nodes[1:], "persistent": True}
    with pytest.raises(DeploymentError, match="isn't good for 'elsewhere'"):
        add_device(
            made, jurisdiction="48453", brokers=[], clusters=[[*nodes, "mqtts://elsewhere:8883"]]
        )


def test_every_button_has_an_id_and_keys_of_its_own(made: Path) -> None:
    new = [add_device(made, jurisdiction="48453", brokers=LOCAL, now=NOW) for _ in range(20)]
    assert len({device.device_id for device in new}) == 20
    assert len({device.kid for device in new}) == 20
    assert len({(device.folder / "client.key").read_text() for device in new}) == 20


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_secrets_are_for_the_owner_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "county"
    before = os.umask(umask)
    try:
        create_deployment(folder, jurisdiction="48453", now=NOW)
        add_device(folder, jurisdiction="48453", brokers=LOCAL, now=NOW)
    finally:
        os.umask(before)
    assert modes_of(folder, ".key") == {0o600}
    assert modes_of(folder, "tocsin.toml") == {0o600}
    assert modes_of(folder, ".crt") == {0o644}
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    public = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".key"]
    assert not [path for path in public if "PRIVATE KEY" in path.read_text()]


def test_nothing_secret_is_in_any_repr_or_in_what_is_public(made: Path) -> None:
    new = add_device(made, jurisdiction="48453", brokers=LOCAL, now=NOW)
    # Both kinds of key keep nothing but secret bits in these characters of their base64.
    secrets = ["".join(path.read_text().splitlines()[1:-1])[50:62] for path in made.rglob("*.key")]
    assert len(secrets) == 10
    shown = [
        repr(new),
        repr(Authority.load(made / "ca/ca.crt", made / "ca/ca.key")),
        repr(SigningKey.load(new.folder / "press.key")),
        *(path.read_text() for path in made.rglob("*") if path.is_file() and path.suffix != ".key"),
    ]
    assert not [secret for secret in secrets for text in shown if secret in text]
    assert '"d"' not in (new.folder / "receipt_keys.json").read_text()


def test_init_leaves_a_folder_that_is_not_empty_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DeploymentError, match="isn't empty: choose a new or an empty folder"):
        create_deployment(tmp_path, jurisdiction="48453")
    assert files_of(tmp_path) == {"notes.txt"}


def test_init_twice_keeps_the_first_deployments_keys(made: Path) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    with pytest.raises(DeploymentError, match="isn't empty"):
        create_deployment(made, jurisdiction="48453")
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


def test_init_says_why_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeploymentError, match="can't be used: Not a directory"):
        create_deployment(tmp_path / "file/county", jurisdiction="48453")
    with pytest.raises(DeploymentError, match="can't be used"):
        create_deployment(tmp_path / "file", jurisdiction="48453")


@pytest.mark.parametrize("existed", [True, False])
def test_an_init_that_fails_half_way_leaves_no_half_deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existed: bool
) -> None:
    incomplete = tmp_path / "shipped"
    incomplete.mkdir()
    (incomplete / "mosquitto.conf").write_text("listener 8883\n")  # and no acl
    monkeypatch.setattr(deployment, "broker_config", lambda: incomplete)
    folder = tmp_path / "county"
    if existed:
        folder.mkdir()
    with pytest.raises(DeploymentError, match=r"No such file.*acl"):
        create_deployment(folder, jurisdiction="48453")
    assert folder.exists() == existed
    assert not existed or not any(folder.iterdir())


@pytest.mark.parametrize(
    "jurisdiction", ["", "Travis County", "server", "-x", "a/b", "+", "#", "ä", "x" * 41, "x\n"]
)
def test_a_jurisdiction_that_is_no_slug_is_refused(made: Path, jurisdiction: str) -> None:
    with pytest.raises(DeploymentError, match="is no jurisdiction: use"):
        create_deployment(made.parent / "other", jurisdiction=jurisdiction)
    with pytest.raises(DeploymentError, match="is no jurisdiction: use"):
        add_device(made, jurisdiction=jurisdiction, brokers=LOCAL)
    assert not (made.parent / "other").exists()
    assert not any((made / "devices").iterdir())


@pytest.mark.parametrize(
    ("brokers", "complaint"),
    [
        ([], "give 1 to 8 broker URLs"),
        (["mqtts://127.0.0.1:8883"] * 2, "given twice"),
        ([f"mqtts://127.0.0.1:{port}" for port in range(8000, 8009)], "give 1 to 8"),
        (["127.0.0.1:8883"], "is no broker URL"),
        (["mqtt://127.0.0.1:1883"], "is no broker URL"),
        (["http://127.0.0.1"], "is no broker URL"),
        (["mqtts://"], "is no broker URL"),
        (["mqtts://:8883"], "is no broker URL"),
        (["mqtts://127.0.0.1:70000"], "is no broker URL"),
        (["mqtts://127.0.0.1:0"], "is no broker URL"),
        (["mqtts://127.0.0.1:x"], "is no broker URL"),
        (["mqtts://127.0.0.1/path"], "is no broker URL"),
        (["mqtts://user:pass@127.0.0.1"], "is no broker URL"),
        (["mqtts://[::1"], "is no broker URL"),
        (["mqtts://two words"], "is no broker URL"),
        ([""], "one line"),
        (['mqtts://127.0.0.1"]\nevil = ["'], "one line"),
        (["mqtts://" + "x" * 500], "one line"),
        (["mqtts://10.9.9.9:8883"], "isn't good for '10.9.9.9'.*127.0.0.1, ::1, localhost"),
    ],
)
def test_a_broker_one_could_not_connect_to_is_refused(
    made: Path, brokers: Sequence[str], complaint: str
) -> None:
    with pytest.raises(DeploymentError, match=complaint):
        add_device(made, jurisdiction="48453", brokers=brokers)
    assert not any((made / "devices").iterdir())


def test_init_refuses_a_broker_url_that_its_own_certificate_would_not_fit(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"isn't good for 'b\.example'"):
        create_deployment(
            tmp_path / "x",
            jurisdiction="48453",
            broker_names=["a.example"],
            brokers=["mqtts://b.example"],
        )
    assert not (tmp_path / "x").exists()


def test_buttons_can_be_added_where_the_brokers_folder_has_moved_away(made: Path) -> None:
    (made / "broker").rename(made.parent / "broker-on-its-own-machine")
    add_device(made, jurisdiction="48453", brokers=["mqtts://broker.example:8883"])


@pytest.mark.parametrize("replicas", [-1, 0, 10])
def test_there_are_as_many_replicas_as_the_acl_knows(tmp_path: Path, replicas: int) -> None:
    with pytest.raises(DeploymentError, match="1 to 9 replicas"):
        create_deployment(tmp_path / "x", jurisdiction="48453", replicas=replicas)
    acl = (broker_config() / "acl").read_text()
    for n in range(1, deployment.REPLICAS_MAX + 1):
        assert f"\nuser server-{n}\n" in acl
        assert f"\ntopic write tocsin/v1/server/server-{n}/pulse\n" in acl


@pytest.mark.parametrize(
    "device_id",
    ["server-1", "btn-", "btn-012345678", "btn-01234567890", "btn-ilou012345", "BTN-0123456789",
     "btn-0123/56789", "../../../etc", "btn-012345678\n"],
)  # fmt: skip
def test_a_device_cannot_be_given_a_servers_name_or_any_other(made: Path, device_id: str) -> None:
    with pytest.raises(DeploymentError, match="is no device id"):
        add_device(made, jurisdiction="48453", brokers=LOCAL, device_id=device_id)
    assert not any((made / "devices").iterdir())


def test_a_device_id_is_given_only_once(made: Path) -> None:
    first = add_device(made, jurisdiction="48453", brokers=LOCAL, device_id="btn-0123456789")
    before = (first.folder / "press.key").read_bytes()
    with pytest.raises(DeploymentError, match="exists already"):
        add_device(made, jurisdiction="48453", brokers=LOCAL, device_id="btn-0123456789")
    assert (first.folder / "press.key").read_bytes() == before


def test_a_device_is_added_only_to_a_deployment(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="is no deployment: make one with tocsin init"):
        add_device(tmp_path, jurisdiction="48453", brokers=LOCAL)
    assert not any(tmp_path.iterdir())


def test_buttons_are_added_while_the_roots_key_is_in_a_safe(made: Path) -> None:
    (made / "ca/ca.key").unlink()
    add_device(made, jurisdiction="48453", brokers=LOCAL)


def test_a_device_is_not_added_half(made: Path) -> None:
    (made / "server/receipt_keys.json").write_text(json.dumps({"keys": []}))
    with pytest.raises(DeploymentError, match=r"receipt_keys\.json holds 0 keys"):
        add_device(made, jurisdiction="48453", brokers=LOCAL)
    (made / "server/receipt_keys.json").unlink()
    with pytest.raises(DeploymentError, match=r"receipt_keys\.json can't be read"):
        add_device(made, jurisdiction="48453", brokers=LOCAL)
    (made / "ca/issuing.key").unlink()
    with pytest.raises(DeploymentError, match=r"issuing\.key can't be read: No such file"):
        add_device(made, jurisdiction="48453", brokers=LOCAL)
    assert not any((made / "devices").iterdir())


def test_only_the_listener_line_changes() -> None:
    shipped = (broker_config() / "mosquitto.conf").read_text()
    for bind, line in ((None, "listener 1234"), ("::1", "listener 1234 ::1")):
        changed = configure_listener(shipped, port=1234, bind=bind)
        assert changed.replace(line, "listener 8883") == shipped
        assert configure_listener(changed, port=8883) == shipped


@pytest.mark.parametrize(
    ("text", "port", "bind"),
    [
        ("", 8883, None),
        ("# listener 8883\n", 8883, None),
        ("listener 8883\nlistener 8884\n", 8883, None),
        ("listener 8883\n", 0, None),
        ("listener 8883\n", 65536, None),
        ("listener 8883\n", 8883, ""),
        ("listener 8883\n", 8883, "localhost"),
        ("listener 8883\n", 8883, "0.0.0.0\nallow_anonymous true"),
    ],
)
def test_a_listener_that_cannot_be_configured_fails_loudly(
    text: str, port: int, bind: str | None
) -> None:
    with pytest.raises(DeploymentError):
        configure_listener(text, port=port, bind=bind)
