"""The words in which a text, a key or a tap is answered, in the languages that people read."""

from collections.abc import Mapping
from dataclasses import dataclass

from tocsin_server.channels.channel import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """Every answer to somebody who answers an alert. In braces: what is put in."""

    you_have_it: str
    you_have_what: str
    has_it_since: str
    you_since: str
    it_is: str
    resolved: str
    code_is_resolved: str
    wrong_code: str
    too_many_codes: str
    still_open: str
    several_open: str
    nothing_open: str
    not_understood: str
    not_understood_open: str
    confirmed: str
    not_that_code: str
    code_holds_no_more: str
    passed_on: str
    account_ended: str


EN = Replies(
    you_have_it="You have it. Everyone else is told.",
    you_have_what="You have it: {what} at {place}. Everyone else is told.",
    has_it_since="{by} has it since {at}.",
    you_since="You have it since {at}.",
    it_is="({what} at {place})",
    resolved="It is resolved already. Nothing is left to do.",
    code_is_resolved="Alert {code} is resolved already. Nothing is left to do.",
    wrong_code="No alert has the code {code}: nothing was taken.{hint} Check it and reply again.",
    too_many_codes="Too many wrong codes from this number: use the console, or try again in 10"
    " minutes. The alert is still open.",
    still_open=" Still open: {codes}.",
    several_open="{n} alerts are open: reply with the code of one of them ({codes}).",
    nothing_open="No alert that you were told of is open: nothing was taken.",
    not_understood="Not understood. No alert that you were told of is open.",
    not_understood_open="Not understood: nothing was taken. Reply with the code alone ({codes}).",
    confirmed="Thank you: alerts reach this number from now on.",
    not_that_code="That is not the code that was sent: look at it and write it again.",
    code_holds_no_more="The code no longer holds: ask for a new one.",
    passed_on="You passed it on. Others are told now. If you can take it after all, reply with the"
    " code.",
    account_ended="Your account with Tocsin has ended: nothing was taken. In danger, call 911.",
)

ES = Replies(
    you_have_it="Usted la atiende. Se avisa a los demás.",
    you_have_what="Usted la atiende: {what} en {place}. Se avisa a los demás.",
    has_it_since="{by} la atiende desde las {at}.",
    you_since="Usted la atiende desde las {at}.",
    it_is="({what} en {place})",
    resolved="Ya está resuelta. No queda nada por hacer.",
    code_is_resolved="La alerta {code} ya está resuelta. No queda nada por hacer.",
    wrong_code="Ninguna alerta tiene el código {code}: no se tomó nada.{hint} Revíselo y responda"
    " otra vez.",
    too_many_codes="Demasiados códigos equivocados de este número: use la consola, o inténtelo en"
    " 10 minutos. La alerta sigue abierta.",
    still_open=" Siguen abiertas: {codes}.",
    several_open="Hay {n} alertas abiertas: responda con el código de una ({codes}).",
    nothing_open="No hay abierta ninguna alerta de la que se le avisó: no se tomó nada.",
    not_understood="No se entendió. No hay abierta ninguna alerta de la que se le avisó.",
    not_understood_open="No se entendió: no se tomó nada. Responda solo con el código ({codes}).",
    confirmed="Gracias: desde ahora las alertas llegan a este número.",
    not_that_code="Ese no es el código que se envió: mírelo y escríbalo otra vez.",
    code_holds_no_more="El código ya no vale: pida uno nuevo.",
    passed_on="Usted la pasó. Ahora se avisa a otros. Si al final puede atenderla, responda con el"
    " código.",
    account_ended="Su cuenta con Tocsin ha terminado: no se tomó nada. En peligro, llame al 911.",
)

REPLIES: Mapping[Language, Replies] = {"en": EN, "es": ES}
