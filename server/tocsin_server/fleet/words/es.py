"""Spanish: usted, plain words, as public offices in the United States write it."""

from tocsin_server.fleet.words.catalogue import LampState, LampWords, WalkWords, Words

SPANISH = Words(
    site="Edificio",
    room="Sala",
    spot="Lugar exacto",
    floor="piso",
    address="Dirección",
    printed="Impreso el {date}",
    labels_title="Etiquetas",
    label_foot="PROBAR CADA MES, solo en simulacro. Se movió o falla: {number}",
    claim_labels_title="Etiquetas con códigos de alta",
    claim_code="Código de alta",
    claim_foot="Conecte la placa, escanee esto con un teléfono en su misma red y toque. Para una"
    " sola placa, hasta {until}. Hasta entonces, quien lea esto puede usarlo.",
    card_title="Si se siente en peligro: presione",
    press="Presione el botón una vez.",
    press_rest="No hace falta mantenerlo presionado, repetir ni explicar nada. No hace ningún"
    " sonido.",
    again="Presionar de nuevo no hace daño: cada vez se cuenta y se muestra.",
    call="Si puede llamar al 911 sin peligro, llame al 911. El botón no lo sustituye ni llama al"
    " 911 por sí mismo: avisa a personas, y ellas envían ayuda.",
    here="Si llama, diga dónde está:",
    facilities="Mantenimiento, teléfono",
    lamp="La luz",
    means="Qué significa",
    act="Qué hacer",
    legend="Blanco es encendida, negro es apagada: cinco segundos de la luz.",
    lamps={
        LampState.ARMED: LampWords(
            "apagada (o un leve destello cada 10 segundos)", "listo", "nada"
        ),
        LampState.PRESSED: LampWords(
            "parpadeo rápido", "su aviso va en camino", "espere unos segundos"
        ),
        LampState.SOS: LampWords(
            "SOS",
            "nadie lo ha recibido en 15 segundos",
            "llame al 911 por teléfono en cuanto pueda hacerlo sin peligro",
        ),
        LampState.STORED: LampWords(
            "pulso lento",
            "el aviso llegó y se está avisando a personas",
            "manténgase lo más a salvo que pueda",
        ),
        LampState.ACKNOWLEDGED: LampWords(
            "encendida fija", "una persona lo atiende", "se está organizando la ayuda"
        ),
        LampState.RESPONDING: LampWords(
            "parpadeo doble", "alguien va en camino", "manténgase lo más a salvo que pueda"
        ),
        LampState.FAULT: LampWords(
            "destello corto cada 2 segundos",
            "este botón tiene una falla",
            "avise ya a mantenimiento; mientras no se repare, use el teléfono",
        ),
        LampState.IDENTIFY: LampWords(
            "uno largo, uno corto",
            "mantenimiento está buscando este botón",
            "nada; funciona como siempre",
        ),
        LampState.DRILL: LampWords(
            "simulacro",
            "la luz se invierte durante el último de cada 4 segundos",
            "Si hay una emergencia real durante un simulacro: presione, y llame al 911 por teléfono"
            " si puede.",
        ),
    },
    call_title="Llame al 911 por teléfono",
    call_when=(
        "cuando la luz muestre SOS o el destello de falla, o siga apagada aunque usted presionó;",
        "cuando haya alguien herido, o un incendio;",
        "siempre que pueda hacerlo sin peligro. Dos llamadas de auxilio son mejores que ninguna.",
    ),
    mistake="¿Lo presionó por error? Sucede, y nadie se va a enojar. Dígaselo a quienes vengan o"
    " llamen.",
    drill="Una vez por turno, mire la luz. Apagada está bien.",
    moved="¿Movió el escritorio, el cable o el botón? Avise a mantenimiento: los operadores todavía"
    " ven el lugar anterior.",
    unlisted="Este no es un dispositivo certificado (UL) y no sustituye llamar al 911.",
    lacking="una letra que aquí no se puede imprimir. Escriba ese nombre a mano, en letras"
    " latinas.",
    network_title="Lo que los botones necesitan de la red",
    network_for="{site}. Botones aquí: {buttons}.",
    network_open="Por favor permita estas conexiones, de los botones hacia afuera",
    to="Destino",
    port="Puerto",
    purpose="Para qué",
    purpose_broker="cada botón mantiene abierta una conexión, día y noche",
    purpose_server="un botón nuevo obtiene aquí su certificado, una vez",
    purpose_dns="para encontrar los nombres de arriba",
    purpose_ntp="para poner la hora; un botón funciona sin ello",
    any_resolver="sus servidores DNS",
    any_time_server="cualquier servidor de hora, suyo o público",
    network_points=(
        (
            "Por favor no inspeccione ni vuelva a firmar este tráfico.",
            "Los botones y los servidores se identifican entre sí con certificados de su propia"
            " autoridad (TLS mutuo). Un equipo que abre el cifrado no puede presentarlos, y todos"
            " los botones que están detrás quedan sin conexión.",
        ),
        (
            "Nada entra.",
            "Ningún puerto de entrada, ninguna redirección de puertos, ninguna dirección pública."
            " Los botones no hablan entre sí, así que pueden estar aislados unos de otros.",
        ),
        (
            "Cualquier dirección sirve.",
            "Basta con DHCP; no se necesita reserva. Si sus conmutadores solo admiten equipos"
            " conocidos, registre la dirección física de cada botón antes de instalarlo.",
        ),
        (
            "Muy poco tráfico.",
            "Unos {kbits} kbit/s por cada botón y conexión, {total} kbit/s para todo este edificio:"
            " una señal de vida cada 15 segundos, y un pulso firmado de cada servidor cada 10"
            " segundos. Un segundo de retraso importa más que el ancho de banda.",
        ),
        (
            "Ninguna página web donde hacer clic.",
            "Una red que pide un clic o una contraseña en una página web (portal cautivo) nunca"
            " deja pasar a un botón: por favor exclúyalos, o deles otra red.",
        ),
        (
            "Un proxy es posible.",
            "Si todo debe pasar por un proxy, díganos su nombre y su puerto: un proxy HTTP con"
            " CONNECT, o SOCKS5. Debe dejar el cifrado cerrado y la conexión abierta.",
        ),
        (
            "El botón mismo dice qué le falta.",
            "Uno nuevo, en su propia página, http://tocsin-button.local, durante una hora, a un"
            " teléfono en la misma red (TCP 80, mDNS); cualquier otro, con la orden tocsin-button"
            " doctor.",
        ),
    ),
    network_check="Tras 20 segundos de silencio un botón se muestra como atrasado, tras 45 segundos"
    " como perdido, y se avisa a alguien. Por favor avísenos antes de cambiar o apagar esta red.",
    network_contact="A quién llamar",
    walk=WalkWords(
        title="Recorrido de prueba de los botones de pánico",
        started="Empezó {at}, {by}",
        ended="terminó {at}, {by}",
        ended_by_time="terminó {at}, se cumplió su tiempo",
        still_open="sigue abierto: así estaba {at}",
        all_proven="Todos los botones, probados: {all} de {all}",
        some_proven="{proven} de {all} botones, probados",
        nothing_there="No había ningún botón en este edificio.",
        not_proven="Sin probar",
        proven="Probados",
        button="Botón",
        pressed="Presionado",
        on_server="En el servidor",
        acknowledged="Atendido",
        after="Tras",
        not_pressed="No se presionó.",
        not_connected="No se presionó; no estaba conectado.",
        not_acknowledged="Se presionó, pero nadie lo atendió.",
        closed="Se presionó, y {by} lo cerró sin atenderlo.",
        withdrawn="No se contó: pregunte a los operadores.",
        times="Un botón está probado cuando una persona atendió su aviso. Las horas son las de"
        " {zone}. “En el servidor” va desde que se presionó hasta que el aviso quedó a salvo en el"
        " disco del servidor, sin el tiempo en la red, que ningún extremo puede medir; “tras” va"
        " desde que se presionó hasta que la persona respondió.",
        record="El registro",
        as_of="Cabeza de todas las cadenas, al {at}:",
        check="Quien tenga el registro, o una copia exportada cualquier día posterior, lo"
        " comprueba con",
        walked_by="Recorrido hecho por",
        checked_by="Revisado por",
        name_and_signature="Nombre y firma",
        date="Fecha",
        page="Página {page} de {pages}",
    ),
)
