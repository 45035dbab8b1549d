"""The words of messages to people, in the languages that they read. Only words: no decisions."""

from collections.abc import Mapping
from dataclasses import dataclass

from tocsin_server.channels.channel import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """Everything a message may say. In braces: what is put in."""

    drill: str
    kinds: Mapping[str, str]
    at: str
    pressed: str
    pressed_times: str
    cancelled: str
    seconds: str
    minutes: str
    hours: str
    units_aloud: tuple[str, str, str]
    take: str
    has_it: str
    silent: str
    more_help: str
    hands_over: str
    still_yours: str
    not_stored: str
    unknown_place: str
    floor: str
    spoken_alert: str
    spoken_drill: str
    keys: str
    keys_still: str
    code_by_text: str
    officer: str


EN = Phrases(
    drill="DRILL",
    kinds={"duress": "duress", "assist": "assist", "tamper": "tamper", "test": "test"},
    at="{kind} at {place}.",
    pressed="Pressed {age} ago.",
    pressed_times="Pressed {age} ago, pressed {times} times.",
    cancelled="Cancelled at the button; may be under coercion.",
    seconds="{n} s",
    minutes="{n} min",
    hours="{n} h",
    units_aloud=("seconds", "minutes", "hours"),
    take="Reply {code} to take it.",
    has_it="{by} has the {kind} at {place}. Stand down.",
    silent="{by} took it and does not answer any more.",
    more_help="{by} has it and asks for more help.",
    hands_over="{by} hands you the {kind} at {place}.",
    still_yours="You have the {kind} at {place}. Do you still have it? Reply {code}, or others are"
    " told again in {seconds} s.",
    not_stored="NOT YET STORED: it can't be answered by text. Act now and look at the console.",
    unknown_place="an unknown place (call your facilities staff)",
    floor="floor {floor}",
    spoken_alert="This is Tocsin, with an alert.",
    spoken_drill="This is Tocsin, with a drill. This is only a drill.",
    keys="To take it, press 1. If you can't, press 2, and others are called."
    " To hear this again, press 3.",
    keys_still="If you still have it, press 1. If you don't, press 2, and others are called."
    " To hear this again, press 3.",
    code_by_text="To take it, text the digits {code} to this number, or open the console.",
    officer="{kind} at {place}. For whoever goes there, plan, entrances, contacts, who has it:"
    " {link}",
)

ES = Phrases(
    drill="SIMULACRO",
    kinds={
        "duress": "peligro",
        "assist": "ayuda sin peligro",
        "tamper": "manipulación",
        "test": "prueba",
    },
    at="{kind} en {place}.",
    pressed="Hace {age}.",
    pressed_times="Hace {age}, presionado {times} veces.",
    cancelled="Cancelado en el botón; puede ser bajo amenaza.",
    seconds="{n} s",
    minutes="{n} min",
    hours="{n} h",
    units_aloud=("segundos", "minutos", "horas"),
    take="Responda {code} para atenderla.",
    has_it="{by} atiende: {kind} en {place}. Ya no hace falta que acuda.",
    silent="{by} la tomó y ya no contesta.",
    more_help="{by} la atiende y pide más ayuda.",
    hands_over="{by} le pasa esta alerta: {kind} en {place}.",
    still_yours="Usted atiende: {kind} en {place}. ¿Sigue en ello? Responda {code}, o se avisa"
    " otra vez a los demás en {seconds} s.",
    not_stored="AUN NO GUARDADA: no se puede responder por mensaje. Actúe ya y mire la consola.",
    unknown_place="un lugar desconocido (llame al personal de instalaciones)",
    floor="piso {floor}",
    spoken_alert="Este es Tocsin, con una alerta.",
    spoken_drill="Este es Tocsin, con un simulacro. Es solo un simulacro.",
    keys="Para atenderla, presione 1. Si no puede, presione 2, y se llama a otras personas."
    " Para oírla de nuevo, presione 3.",
    keys_still="Si sigue atendiéndola, presione 1. Si no, presione 2, y se llama a otras personas."
    " Para oírla de nuevo, presione 3.",
    code_by_text="Para atenderla, envíe por mensaje los dígitos {code} a este número, o abra la"
    " consola.",
    officer="{kind} en {place}. Para quien acude, plano, entradas, contactos, quién la atiende:"
    " {link}",
)

PHRASES: Mapping[Language, Phrases] = {"en": EN, "es": ES}
