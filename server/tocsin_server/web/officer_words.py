"""The words of the page for an officer on the way, in each language."""

from dataclasses import dataclass

from tocsin_server.channels.channel import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficerWords:
    """What this page says besides what the page of an answer does. In braces: what is put in."""

    real: str
    doubtful: str
    call_first: str
    nobody: str
    holds: str
    silent: str
    more_help: str
    on_the_way: str
    on_scene: str
    plan: str
    spot: str
    doors: str
    no_plan: str
    entrances: str
    no_entrances: str
    contacts: str
    no_contacts: str
    only_shows: str
    stale: str
    stale_since: str
    stale_now: str
    resolved: str
    stand_down: str
    over: str
    next_over: str
    revoked: str
    next_revoked: str
    unknown: str
    next_unknown: str
    away: str
    next_away: str


OFFICER_WORDS: dict[Language, OfficerWords] = {
    "en": OfficerWords(
        real="REAL. This is no drill.",
        doubtful="This place is not certain: be ready to look elsewhere.",
        call_first="In danger, or in doubt: radio your dispatcher. This page sends nothing.",
        nobody="No dispatcher has it yet.",
        holds="{by} has it since {at}.",
        silent="{by} took it at {at} and does not answer any more.",
        more_help="{by} has it since {at} and asks for more help.",
        on_the_way="Somebody is on the way since {at}.",
        on_scene="Somebody is on scene since {at}.",
        plan="Plan: {title}",
        spot="The ring is where the button is.",
        doors="A number in a square is an entrance.",
        no_plan="There is no plan with the spot on it.",
        entrances="Entrances",
        no_entrances="No entrance is on record.",
        contacts="People to call there",
        no_contacts="Nobody is on record for this site.",
        only_shows="This page shows one alert, and ends with it.",
        stale="NOT UP TO DATE",
        stale_since="Last heard at {at}.",
        stale_now="What is below may have changed. It is trying by itself. Until then, radio your"
        " dispatcher.",
        resolved="This alert was resolved at {at}.",
        stand_down="Nothing is left for you to do. This page ends within minutes.",
        over="This alert is over.",
        next_over="Its page has ended with it. If you were sent here just now, radio your"
        " dispatcher.",
        revoked="This link was taken back.",
        next_revoked="It shows nothing any more. Radio your dispatcher.",
        unknown="This link opens nothing.",
        next_unknown="It may be cut off. Radio your dispatcher and ask for another one.",
        away="Tocsin can't reach its database.",
        next_away="Try again in a few seconds. Until then, radio your dispatcher.",
    ),
    "es": OfficerWords(
        real="REAL. No es un simulacro.",
        doubtful="No es seguro que sea este lugar: prepárese para buscar en otra parte.",
        call_first="Si hay peligro o duda, llame por radio a su central. Esta página no envía"
        " nada.",
        nobody="Ningún despachador la atiende todavía.",
        holds="{by} la atiende desde las {at}.",
        silent="{by} la tomó a las {at} y ya no contesta.",
        more_help="{by} la atiende desde las {at} y pide más ayuda.",
        on_the_way="Alguien va en camino desde las {at}.",
        on_scene="Alguien está en el lugar desde las {at}.",
        plan="Plano: {title}",
        spot="El círculo marca dónde está el botón.",
        doors="Un número en un cuadro es una entrada.",
        no_plan="No hay un plano con el sitio marcado.",
        entrances="Entradas",
        no_entrances="No hay ninguna entrada registrada.",
        contacts="A quién llamar allí",
        no_contacts="No hay nadie registrado para este lugar.",
        only_shows="Esta página muestra una sola alerta, y termina con ella.",
        stale="NO ESTÁ AL DÍA",
        stale_since="Última noticia a las {at}.",
        stale_now="Lo de abajo puede haber cambiado. La página lo intenta sola. Mientras tanto,"
        " llame por radio a su central.",
        resolved="Esta alerta se cerró a las {at}.",
        stand_down="No queda nada que hacer de su parte. Esta página termina en unos minutos.",
        over="Esta alerta ya terminó.",
        next_over="Su página terminó con ella. Si le enviaron aquí ahora mismo, llame por radio a"
        " su central.",
        revoked="Este enlace fue retirado.",
        next_revoked="Ya no muestra nada. Llame por radio a su central.",
        unknown="Este enlace no abre nada.",
        next_unknown="Puede estar cortado. Llame por radio a su central y pida otro.",
        away="Tocsin no alcanza su base de datos.",
        next_away="Intente de nuevo en unos segundos. Mientras tanto, llame por radio a su"
        " central.",
    ),
}
