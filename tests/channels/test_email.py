"""E-mail goes out over SMTP as a real mail server understands it, and says what became of it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import aiosmtplib
import msgspec
import pytest

from tests.channels.mail_server import NAME, PASSWORD, MailServer, certificate, mail_server
from tocsin_server.channels import email
from tocsin_server.channels.channel import Message, SendFailed
from tocsin_server.channels.email import Email, compose, open_email
from tocsin_server.config import ConfigError, EmailConfig, Secret, load_config
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet.deployment import create_deployment

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
LINK = "https://tocsin.example.org/answer/AYkKXayWd0u8zrMCCZqAVw"
PAGE = Message(
    notification_id=ID,
    to="dana@example.org",
    subject="DURESS at Room 104, City Hall",
    text=f"TOCSIN: DURESS at Room 104, City Hall. Pressed 4 s ago. {LINK}",
    link=LINK,
)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


def plainly(server: MailServer) -> EmailConfig:
    return EmailConfig(
        host="127.0.0.1", port=server.port, tls="none", from_address="tocsin@county.example"
    )


def changed(**fields: object) -> Message:
    return Message(**({name: getattr(PAGE, name) for name in PAGE.__slots__} | fields))


async def refused(channel: Email, message: Message = PAGE) -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        await channel.send(message)
    return failed.value


async def test_a_page_says_the_same_as_text_and_as_a_page_with_one_button(mail: MailServer) -> None:
    sent = await Email(plainly(mail), None, ca=None).send(PAGE)
    (came,) = mail.mails
    assert came["Message-ID"] == sent == f"<{ID}@county.example>"
    assert came["From"] == "Tocsin <tocsin@county.example>"
    assert came["To"] == "dana@example.org"
    assert came["Subject"] == "DURESS at Room 104, City Hall"
    assert came["Auto-Submitted"] == "auto-generated"
    assert (came["X-Priority"], came["Importance"]) == ("1", "high")
    assert "List-Unsubscribe" not in came
    plain, html = (part.get_content() for part in came.iter_parts())
    said = "TOCSIN: DURESS at Room 104, City Hall. Pressed 4 s ago."
    assert plain.splitlines() == [said, "", LINK]
    assert said in html
    assert html.count(f'href="{LINK}"') == 1
    assert f">{LINK}</p>" in html


async def test_another_try_is_the_same_mail_to_a_mailbox(mail: MailServer) -> None:
    email = Email(plainly(mail), None, ca=None)
    assert await email.send(PAGE) == await email.send(PAGE)
    other = changed(notification_id=None)
    assert await email.send(other) != await email.send(other), "nobody knows these apart"


async def test_word_that_somebody_has_it_is_not_urgent(mail: MailServer) -> None:
    told = changed(urgent=False, link=None, subject="", text="TOCSIN: Maya has it. Stand down.")
    await Email(plainly(mail), None, ca=None).send(told)
    (came,) = mail.mails
    assert "X-Priority" not in came
    assert "Importance" not in came
    assert came["Subject"] == "TOCSIN: Maya has it. Stand down."
    assert all("href" not in part.get_content() for part in came.iter_parts())


@pytest.mark.parametrize(
    ("fields", "subject"),
    [
        ({"drill": True}, "DRILL: DURESS at Room 104, City Hall"),
        ({"drill": True, "language": "es"}, "SIMULACRO: DURESS at Room 104, City Hall"),
        ({"drill": True, "subject": "TOCSIN DRILL: DURESS"}, "TOCSIN DRILL: DURESS"),
        ({"subject": "a\r\nBcc: eve@example.org"}, "a Bcc: eve@example.org"),
        ({"subject": "a\u2028b\x00c\x85d"}, "a b c d"),
        ({"subject": "Señal de coacción"}, "Señal de coacción"),
        ({"subject": "x" * 500}, "x" * 118 + " …"),
    ],
    ids=["drill", "simulacro", "said already", "injection", "controls", "marks", "long"],
)
async def test_a_subject_is_one_line_and_says_drill_first(
    mail: MailServer, fields: dict[str, object], subject: str
) -> None:
    await Email(plainly(mail), None, ca=None).send(changed(**fields))
    (came,) = mail.mails
    assert came["Subject"] == subject
    assert "Bcc" not in came


async def test_what_somebody_wrote_into_a_place_is_no_markup(mail: MailServer) -> None:
    await Email(plainly(mail), None, ca=None).send(changed(text="<script>alert(1)</script> & co"))
    _, html = mail.mails[0].iter_parts()
    assert "<script>" not in html.get_content()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in html.get_content()


@pytest.mark.parametrize(
    ("says", "temporary", "unreachable"),
    [
        ("450 4.2.1 mailbox busy", True, None),
        ("550 5.1.1 no such user here", False, "the mail server says there is no such address"),
        ("550 5.7.1 relaying denied", False, None),
        ("552 5.2.2 mailbox full", False, None),
    ],
)
async def test_what_a_mail_server_says_of_an_address_decides_whether_it_is_tried_again(
    mail: MailServer, says: str, temporary: bool, unreachable: str | None
) -> None:
    mail.says_to_address = says
    error = await refused(Email(plainly(mail), None, ca=None))
    assert str(error) == f"the mail server says {says}"
    assert (error.temporary, error.unreachable) == (temporary, unreachable)
    assert not mail.mails


async def test_a_mail_that_is_refused_says_nothing_of_its_address(mail: MailServer) -> None:
    mail.says_to_mail = "554 5.1.1 looks like spam"
    error = await refused(Email(plainly(mail), None, ca=None))
    assert (error.temporary, error.unreachable) == (False, None)
    mail.says_to_mail = "451 4.3.0 come back"
    assert (await refused(Email(plainly(mail), None, ca=None))).temporary


@pytest.mark.parametrize("to", ["", "dana", "dana@", "a@b\r\nRCPT TO:<eve@x.org>", "<a,b>@x.org"])
async def test_what_is_no_address_is_said_and_reaches_no_server(mail: MailServer, to: str) -> None:
    error = await refused(Email(plainly(mail), None, ca=None), changed(to=to))
    assert (error.temporary, error.unreachable) == (False, "this is no e-mail address")
    assert not mail.mails


async def test_a_mail_server_that_is_away_is_worth_another_try() -> None:
    config = EmailConfig(
        host="127.0.0.1", port=free_port(), tls="none", from_address="tocsin@county.example"
    )
    error = await refused(Email(config, None, ca=None))
    assert error.temporary
    assert "was not reached" in str(error)


async def test_a_mail_server_that_says_nothing_any_more_is_given_up_without_a_goodbye(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def say_goodbye(*_: object, **__: object) -> None:
        pytest.fail("a goodbye waits for its answer as long again")

    monkeypatch.setattr(email, "REQUEST_S_MAX", 1.0)
    monkeypatch.setattr(aiosmtplib.SMTP, "quit", say_goodbye)
    mail.hangs_at = PAGE.to
    error = await refused(Email(plainly(mail), None, ca=None))
    assert error.temporary
    assert str(error) == "the mail server did not answer within 1 s"


async def test_a_mail_crosses_the_network_encrypted_and_after_a_password(folder: Path) -> None:
    mine, key, ca = certificate(folder)
    with mail_server(certificate=(mine, key)) as server:
        config = EmailConfig(
            host="127.0.0.1",
            port=server.port,
            username=NAME,
            password_file="named in the file",
            from_address="tocsin@county.example",
            reply_to="dispatch@county.example",
        )
        await Email(config, Secret(PASSWORD), ca=ca).send(PAGE)
        assert (server.encrypted, server.signed_in) == ([True], [NAME])
        assert server.mails[0]["Reply-To"] == "dispatch@county.example"

        wrong = await refused(Email(config, Secret("another one"), ca=ca))
        assert str(wrong).startswith("the mail server says 535")
        assert not wrong.temporary
        assert "another one" not in str(wrong)

        stranger = await refused(Email(config, Secret(PASSWORD), ca=None))
        assert "certificate" in str(stranger).lower()
        assert len(server.mails) == 1


async def test_where_tls_was_asked_for_nothing_goes_in_the_clear(mail: MailServer) -> None:
    config = msgspec.structs.replace(plainly(mail), tls="starttls")
    error = await refused(Email(config, None, ca=None))
    assert "STARTTLS" in str(error)
    assert not mail.mails


def test_a_mail_in_spanish_says_so() -> None:
    config = EmailConfig(host="mail", from_address="tocsin@county.example")
    mail = compose(changed(language="es"), config)
    assert mail["Content-Language"] == "es"
    html = list(mail.iter_parts())[1].get_content()
    assert '<html lang="es">' in html
    assert ">Abrir esta alerta</a>" in html


async def test_what_the_configuration_names_is_what_mail_goes_out_with(folder: Path) -> None:
    mine, key, ca = certificate(folder)
    with mail_server(certificate=(mine, key)) as server:
        path = create_deployment(folder / "d", jurisdiction="48453")
        assert open_email(load_config(path)) is None
        (path.parent / "server/email_password").write_text(f"{PASSWORD}\n")
        (path.parent / "mail_ca.crt").write_text(ca)
        lines = (
            "[email]",
            'host = "127.0.0.1"',
            f"port = {server.port}",
            f'username = "{NAME}"',
            'password_file = "server/email_password"',
            'from_address = "tocsin@county.example"',
            'ca_file = "mail_ca.crt"',
        )
        path.write_text("\n".join((path.read_text(), *lines)))
        email = open_email(load_config(path))
        assert email is not None
        await email.send(PAGE)
        assert server.signed_in == [NAME]

        (path.parent / "mail_ca.crt").write_text("nothing")
        with pytest.raises(
            ConfigError, match=r"email\.ca_file: mail_ca\.crt holds no certificates"
        ):
            open_email(load_config(path))
        (path.parent / "server/email_password").unlink()
        with pytest.raises(ConfigError, match=r"email\.password_file: can't read"):
            open_email(load_config(path))
