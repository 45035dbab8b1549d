"""Calls by Twilio: a voice says what and where, twice, and listens for a key.

Promise: a call shows that a phone was answered and nothing more; only a key that somebody pressed
acknowledges. One that is no longer wanted stops ringing, and whoever listens already hears why.
"""

from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from tocsin_server.channels.channel import Language, Message
from tocsin_server.channels.twilio import Account, Twilio, TwilioFailed
from tocsin_server.channels.twiml import twiml_announcement, twiml_menu, twiml_spoken

# Four rings of six seconds: most voicemails begin after them. Twilio may add 5 s, and then it is as
# long as the usual patience of a tier, whose next people are called anyway.
RING_S = 25
CALL_S_MAX = 300  # a menu that is heard three times over; then somebody has laid the phone aside
# Twilio's 2.4 s take an office's greeting ("Travis County Elections, Dana Ortiz speaking, how may I
# help you?") for a machine, and a person would be hung up on. A voicemail's is longer still.
GREETING_MS_MAX = 3500
EVENTS = ["initiated", "ringing", "answered", "completed"]
WITHDRAW_TRIES = 3  # somebody may answer in the moment in which it is taken back

_NOT_IN_PROGRESS = 21220


class TwilioVoice:
    """Calls, each with its whole TwiML: nothing is fetched until a key is pressed."""

    def __init__(self, twilio: Twilio) -> None:
        self._twilio = twilio

    def action_url(self, notification_id: UUID | None) -> str | None:
        """Give where a pressed key goes; None: nowhere, without a public address."""
        return self._twilio.callback("voice", notification_id)

    async def send(self, message: Message) -> str:
        """Place one call; gives its id. Raises SendFailed."""
        key = message.notification_id
        options: dict[str, Any] = {
            "to": message.to,
            "timeout": RING_S,
            "time_limit": CALL_S_MAX,
            "machine_detection": "Enable",
            "machine_detection_speech_threshold": GREETING_MS_MAX,
            "async_amd": "true",
        }
        action_url = self.action_url(key)
        if action_url is None or not message.spoken_keys:  # there is nothing to press, or nowhere
            options["twiml"] = twiml_announcement(message)
        else:
            options["twiml"] = twiml_menu(message, action_url)
        if action_url is not None:
            options["async_amd_status_callback"] = self._twilio.callback("machine", key)
            options["status_callback"] = self._twilio.callback("call", key)
            options["status_callback_event"] = EVENTS

        async def send(account: Account) -> Any:
            return await account.calls.create_async(from_=account.from_number, **options)

        return await self._twilio.hand_over(send)

    async def withdraw(self, provider_id: str, *, spoken: str, language: Language) -> bool:
        """End a call that rings; whoever listens already hears this first. False: it was over.

        Raises SendFailed.
        """
        twiml = twiml_spoken(spoken, language)

        async def withdraw(account: Account) -> bool:
            call = account.calls(provider_id)
            for _ in range(WITHDRAW_TRIES):
                status = (await call.fetch_async()).status
                if status == "in-progress":
                    if await _change(account, call.update_async(twiml=twiml)):
                        return True
                elif status in {"queued", "initiated", "ringing"}:
                    cancelled = await _change(account, call.update_async(status="canceled"))
                    if cancelled and cancelled.status != "in-progress":
                        return True
                else:
                    break
            return False

        return await self._twilio.find(withdraw)

    async def hang_up(self, provider_id: str) -> None:
        """End a call at once, wherever it is: a machine has answered. Raises SendFailed."""
        await self._twilio.find(
            lambda account: _change(
                account, account.calls(provider_id).update_async(status="completed")
            )
        )

    async def close(self) -> None:
        """Close the accounts' connections."""
        await self._twilio.close()


async def _change(account: Account, change: Awaitable[Any]) -> Any:
    """Give the call as it is now; None where it is no longer in that state. Raises TwilioFailed."""
    try:
        return await account.ask(change)
    except TwilioFailed as error:
        if error.code == _NOT_IN_PROGRESS:
            return None
        raise
