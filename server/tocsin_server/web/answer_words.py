"""The words of the page of a link, in each language that a person may have."""

from dataclasses import dataclass

from tocsin_server.alert.answer import Standing
from tocsin_server.channels.channel import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Everything the page may say. In braces: what is put in. Of a standing: it, and what now."""

    kinds: dict[str, str]
    drill: str
    unknown_place: str
    floor: str
    responds: str
    pressed: str
    times: str
    cancelled: str
    standing: dict[Standing, tuple[str, str]]
    take: str
    cant: str
    still: str
    passed_on: str
    whose: str
    unknown: str
    next_unknown: str
    away: str
    next_away: str
    again: str
    elsewhere: str
    next_elsewhere: str


WORDS: dict[Language, Words] = {
    "en": Words(
        kinds={
            "duress": "Duress",
            "assist": "Assistance, no danger",
            "tamper": "Tamper: a button's case was opened",
            "test": "Test press",
        },
        drill="DRILL. This is a practice: nobody is in danger.",
        unknown_place="The place is not known: call your facilities staff.",
        floor="Floor {floor}",
        responds="Responds: {agency}",
        pressed="Pressed <strong>{age} ago</strong>, at {at}.",
        times="Pressed {presses} times.",
        cancelled="Cancelled at the button; that may be under coercion.",
        standing={
            "open": ("Nobody has it yet.", ""),
            "silent": ("{by} took it at {at} and does not answer any more.", ""),
            "more_help": ("{by} has it since {at} and asks for more help.", ""),
            "offered": ("{by} hands it to you.", "{by} has it until you take it."),
            "asked": (
                "You have it since {at}. Do you still have it?",
                "If you say nothing, others are told again.",
            ),
            "yours": (
                "You have it since {at}.",
                "Everybody who was told knows that. Act now: call the site, or go there.",
            ),
            "theirs": ("{by} has it since {at}.", "Stand down: nothing is left for you to do."),
            "resolved": ("This alert was resolved at {at}.", "Nothing is left for you to do."),
        },
        take="I have it",
        cant="I can't: pass it on",
        still="I still have it",
        passed_on="You passed it on. The next people are being told. Until somebody has it, you can"
        " still take it.",
        whose="This link was sent to {name}. Whoever taps the button takes the alert in that name.",
        unknown="This link opens no alert.",
        next_unknown="It may be cut off, or its alert was resolved more than a day ago. Were you"
        " told of an alert just now? Answer it on the console. In danger, call 911.",
        away="Tocsin can't reach its database.",
        next_away="So this may not have been taken. Try again in a few seconds. If somebody may be"
        " in danger, call the site now.",
        again="Try again",
        elsewhere="This was not sent from this page.",
        next_elsewhere="Nothing was taken. Open the link in your message again and tap there.",
    ),
    "es": Words(
        kinds={
            "duress": "Persona en peligro",
            "assist": "Piden ayuda, sin peligro",
            "tamper": "Abrieron la caja de un botón",
            "test": "Prueba de un botón",
        },
        drill="SIMULACRO. Es una práctica: nadie está en peligro.",
        unknown_place="No se conoce el lugar: llame a mantenimiento.",
        floor="Piso {floor}",
        responds="Acude: {agency}",
        pressed="Presionado <strong>hace {age}</strong>, a las {at}.",
        times="Presionado {presses} veces.",
        cancelled="Cancelado en el botón; puede haber sido bajo amenaza.",
        standing={
            "open": ("Nadie la atiende todavía.", ""),
            "silent": ("{by} la tomó a las {at} y ya no contesta.", ""),
            "more_help": ("{by} la atiende desde las {at} y pide más ayuda.", ""),
            "offered": ("{by} se la pasa a usted.", "{by} la atiende hasta que usted la tome."),
            "asked": (
                "Usted la atiende desde las {at}. ¿Sigue en ello?",
                "Si no dice nada, se avisa otra vez a los demás.",
            ),
            "yours": (
                "Usted la atiende desde las {at}.",
                "Ya lo saben todos los que recibieron el aviso. Actúe ahora: llame o vaya.",
            ),
            "theirs": (
                "{by} la atiende desde las {at}.",
                "Ya no hace falta que acuda: no queda nada que hacer de su parte.",
            ),
            "resolved": (
                "Esta alerta se cerró a las {at}.",
                "No queda nada que hacer de su parte.",
            ),
        },
        take="Yo la atiendo",
        cant="No puedo: avisen a otros",
        still="Sigo en ello",
        passed_on="Usted la pasó a otros. Ya se está avisando a las siguientes personas. Mientras"
        " nadie la atienda, todavía puede tomarla usted.",
        whose="Este enlace se envió a {name}. Quien toque el botón la atiende en su nombre.",
        unknown="Este enlace no abre ninguna alerta.",
        next_unknown="Puede estar cortado, o la alerta se cerró hace más de un día. ¿Le acaban de"
        " avisar? Responda en la consola. Si hay peligro, llame al 911.",
        away="Tocsin no alcanza su base de datos.",
        next_away="Puede que su respuesta no se haya guardado. Intente de nuevo en unos segundos."
        " Si alguien puede estar en peligro, llame al lugar ahora.",
        again="Intentar de nuevo",
        elsewhere="Esto no se envió desde esta página.",
        next_elsewhere="No se hizo nada. Abra otra vez el enlace de su mensaje y toque allí.",
    ),
}
