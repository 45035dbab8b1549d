"""What the server says in English is read in Spanish, with what it put in."""

import pytest
from playwright.async_api import Browser

from tests.browser.desk import open_desk
from tests.browser.languages import ENGLISH, spanish
from tests.walk.house import House

pytestmark = pytest.mark.asyncio(loop_scope="session")

READ = """async (said) => {
  const { fromServer } = await import("/static/console/from-server.js");
  return said.map(fromServer);
}"""
SAID = {
    "Sign in to go on.": "Inicie sesión para continuar.",
    "no alert 7": "no existe la alerta 7",
    # Two sentences, one of which has a gap within a sentence; and what was put in twice over.
    "A press may not be noticed: tell the people there to call 911 by phone, and have the button"
    " checked. Its battery is at 9 %.": "Una pulsación podría pasar desapercibida: diga a las"
    " personas de ahí que llamen al 911 por teléfono, y haga revisar el botón. Su batería está al"
    " 9 %.",
    "2 open alerts (code KFP, MRT) are overdue: the next people were not told in time. Acknowledge"
    " them, or call these people now, and have the server checked.": "2 alertas abiertas (código"
    " KFP, MRT) se atrasaron: no se avisó a tiempo a las siguientes personas. Tómelas, o llámeles"
    " ya, y haga revisar el servidor.",
    "Tier 2 has nobody now, until Tue 02:00, from Fri 18:00 to Sat 02:00 and 3 more times: the next"
    " tier is told at once then.": "El nivel 2 no tiene a nadie ahora, hasta mar 02:00, desde"
    " vie 18:00 hasta sáb 02:00 y 3 veces más: entonces se avisa enseguida al siguiente nivel.",
    "Nobody is on in Night desk now, nor in the next 7 days.": "Nadie está de turno en Night desk"
    " ahora, ni en los próximos 7 días.",
    "Your account ended on November 3, 2026. If you still work here, ask whoever runs Tocsin for a"
    " later end: your password stays the same.": "Su cuenta terminó el 3 de noviembre de 2026. Si"
    " todavía trabaja aquí, pida a quien administra Tocsin una fecha posterior: su contraseña"
    " sigue siendo la misma.",
    # Each sentence is looked for by itself, so that none is taken for what another has put in.
    "The last of 2 accounts, Ana's, ends on November 3, 2026: tier 2 of the policy Night has nobody"
    " after that. Give somebody a later end (tocsin person until), or name others (tocsin policy"
    " set).": "La última de 2 cuentas, la de Ana, termina el 3 de noviembre de 2026: el nivel 2 de"
    " la regla Night no tiene a nadie después. Dé a alguien una fecha posterior (tocsin person"
    " until), o nombre a otras personas (tocsin policy set).",
    # Nobody knows it: it stays. What was put in is never taken for more than it is.
    "Something new (really?). Sign in to go on.": "Something new (really?). Inicie sesión para"
    " continuar.",
    "Nothing reaches Sam, Ana and Dana $& in tier 1: they have no contact.": "Nada le llega a Sam,"
    " Ana and Dana $& en el nivel 1: no tiene ningún contacto.",
    "": "",
}


async def test_what_the_server_says_is_read_in_spanish(house: House, chrome: Browser) -> None:
    async with open_desk(chrome, house.walk.server.url, words=spanish()) as desk:
        await desk.page.goto(desk.url)
        assert dict(zip(SAID, await desk.page.evaluate(READ, list(SAID)), strict=True)) == SAID


async def test_an_english_page_shows_it_as_it_came_and_asks_for_no_catalogue(
    house: House, chrome: Browser
) -> None:
    async with open_desk(chrome, house.walk.server.url, words=ENGLISH) as desk:
        await desk.page.goto(desk.url)
        assert await desk.page.evaluate(READ, list(SAID)) == list(SAID)
        assert not [each.url for each in desk.requests if "es.json" in each.url]
