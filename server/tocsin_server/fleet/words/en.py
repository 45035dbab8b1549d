"""English."""

from tocsin_server.fleet.words.catalogue import LampState, LampWords, WalkWords, Words

ENGLISH = Words(
    site="Site",
    room="Room",
    spot="Spot",
    floor="floor",
    address="Address",
    printed="Printed {date}",
    labels_title="Labels",
    label_foot="TEST MONTHLY, only in a drill. Moved or broken: {number}",
    claim_labels_title="Labels with claim codes",
    claim_code="Claim code",
    claim_foot="Plug in the board, scan this with a phone in its network, and tap. For one board,"
    " until {until}. Until then, whoever reads this can use it.",
    card_title="If you feel in danger: press",
    press="Press the button once.",
    press_rest="No need to hold it, repeat it or explain anything. It makes no sound.",
    again="Pressing again does no harm: every press is counted and shown.",
    call="If you can safely call 911, call 911. The button doesn't replace it, and does not call"
    " 911 itself: it tells people, and they send help.",
    here="If you call, say where you are:",
    facilities="Facilities, phone",
    lamp="The lamp",
    means="What it means",
    act="What to do",
    legend="White is lit, black is dark: five seconds of the lamp.",
    lamps={
        LampState.ARMED: LampWords("off (or a faint blip every 10 seconds)", "ready", "nothing"),
        LampState.PRESSED: LampWords(
            "fast blink", "your press is on its way", "wait a few seconds"
        ),
        LampState.SOS: LampWords(
            "SOS",
            "nobody has received it for 15 seconds",
            "call 911 by phone as soon as you safely can",
        ),
        LampState.STORED: LampWords(
            "slow pulse", "it has arrived, and people are being told", "stay as safe as you can"
        ),
        LampState.ACKNOWLEDGED: LampWords("steady on", "a person has it", "help is being arranged"),
        LampState.RESPONDING: LampWords(
            "double blink", "somebody is on the way", "stay as safe as you can"
        ),
        LampState.FAULT: LampWords(
            "short blip every 2 seconds",
            "this button has a fault",
            "tell facilities now; until it is mended, use the telephone",
        ),
        LampState.IDENTIFY: LampWords(
            "one long, one short",
            "facilities are looking for this button",
            "nothing; it works as always",
        ),
        LampState.DRILL: LampWords(
            "drill",
            "the lamp is turned over for the last of every 4 seconds",
            "A real emergency during a drill: press, and call 911 by phone if you can.",
        ),
    },
    call_title="Call 911 by phone",
    call_when=(
        "when the lamp shows SOS, shows the fault blip, or stays dark although you pressed;",
        "when somebody is hurt, or there is a fire;",
        "whenever you can do it safely. Two calls for help are better than none.",
    ),
    mistake="Pressed by mistake? It happens, and nobody will be angry. Tell the people who come or"
    " call.",
    drill="Once each shift, look at the lamp. Off is good.",
    moved="Moved the desk, the cable or the button? Tell facilities: dispatchers still see the old"
    " place.",
    unlisted="This is not a listed (UL) device, and it does not replace calling 911.",
    lacking="a letter that can't be printed here. Write that name in by hand, in Latin letters.",
    network_title="What the buttons need from the network",
    network_for="{site}. Buttons here: {buttons}.",
    network_open="Please allow these connections, from the buttons outwards",
    to="To",
    port="Port",
    purpose="What for",
    purpose_broker="each button holds one connection open, day and night",
    purpose_server="a new button gets its certificate here, once",
    purpose_dns="to find the names above",
    purpose_ntp="to set the clock; a button works without it",
    any_resolver="your DNS servers",
    any_time_server="any time server, yours or a public one",
    network_points=(
        (
            "Please do not inspect or re-sign this traffic.",
            "Buttons and servers prove themselves to each other with certificates of their own"
            " authority (mutual TLS). A device that opens the encryption cannot show them, and"
            " every button behind it is cut off.",
        ),
        (
            "Nothing comes in.",
            "No inbound port, no port forwarding, no public address. The buttons do not talk to"
            " each other, so they may be kept apart.",
        ),
        (
            "Any address will do.",
            "Plain DHCP is enough; no reservation is needed. If your switches admit only known"
            " hardware, register each button's hardware address before it is put up.",
        ),
        (
            "Very little traffic.",
            "About {kbits} kbit/s for each button and connection, {total} kbit/s for all of this"
            " site: a heartbeat every 15 seconds, and a signed pulse from each server every 10"
            " seconds. A delay of a second matters more than bandwidth.",
        ),
        (
            "No web page to click.",
            "A network that asks for a click or a password on a web page (captive portal) never"
            " lets a button through: please exempt them, or give them another network.",
        ),
        (
            "A proxy is possible.",
            "If everything must pass a proxy, tell us its name and port: an HTTP proxy with"
            " CONNECT, or SOCKS5. It has to leave the encryption closed and the connection open.",
        ),
        (
            "A button says itself what it lacks.",
            "A new one on its own page, http://tocsin-button.local, for an hour, to a phone in the"
            " same network (TCP 80, mDNS); any other by the command tocsin-button doctor.",
        ),
    ),
    network_check="Silence for 20 seconds shows a button as late, for 45 seconds as lost, and"
    " somebody is told. Please tell us before you change or switch off this network.",
    network_contact="Whom to call",
    walk=WalkWords(
        title="Walk test of the duress buttons",
        started="Started {at} by {by}",
        ended="ended {at} by {by}",
        ended_by_time="ended {at}, its time was over",
        still_open="still open: this is how it stood {at}",
        all_proven="All buttons proven: {all} of {all}",
        some_proven="{proven} of {all} buttons proven",
        nothing_there="There was no button at this site.",
        not_proven="Not proven",
        proven="Proven",
        button="Button",
        pressed="Pressed",
        on_server="On the server",
        acknowledged="Acknowledged",
        after="After",
        not_pressed="Not pressed.",
        not_connected="Not pressed; it was not connected.",
        not_acknowledged="Pressed, but nobody acknowledged it.",
        closed="Pressed, and closed by {by} without being acknowledged.",
        withdrawn="Not counted: ask the dispatchers.",
        times="A button is proven when a person acknowledged its press. Times are those of {zone}."
        " “On the server” runs from the press until it was safe on the server's disk, without the"
        " time on the network, which nothing at either end can measure; “after” runs from the press"
        " until the person answered.",
        record="The record",
        as_of="Head of all chains, as of {at}:",
        check="Whoever has the record, or an export of it from any later day, checks it with",
        walked_by="Walked by",
        checked_by="Checked by",
        name_and_signature="Name and signature",
        date="Date",
        page="Page {page} of {pages}",
    ),
)
