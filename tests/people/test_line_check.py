"""Numbers that take no texts are found before an alert needs them, and by one replica alone."""

from tests.offices import Office
from tocsin_server.channels.channel import SendFailed
from tocsin_server.people import contacts
from tocsin_server.people.line_check import LineCheck
from tocsin_server.storage.database import Database as Replica

NUMBER = "+15125550111"  # of the office's dispatcher


class Line:
    """The provider's directory of numbers."""

    def __init__(self, says: str | None = None) -> None:
        self.says = says
        self.asked: list[str] = []
        self.fails = False

    async def line_type(self, number: str) -> str | None:
        self.asked.append(number)
        if self.fails:
            raise SendFailed("the provider does not answer", temporary=True)
        return self.says


async def unreachable(replica: Replica) -> str | None:
    query = "SELECT unreachable FROM contact WHERE address = $1"
    why: str | None = await replica.pool.fetchval(query, NUMBER)
    return why


async def test_a_landline_is_marked_and_looked_up_once_a_day(
    replica: Replica, office: Office
) -> None:
    line = Line("a landline: it takes calls, but no texts")
    await LineCheck(replica, line.line_type).turn()
    assert await unreachable(replica) == line.says
    await LineCheck(replica, line.line_type).turn()  # another replica, a little later
    assert line.asked == [NUMBER]
    await replica.pool.execute("UPDATE contact SET checked_at = checked_at - interval '25 hours'")
    await LineCheck(replica, line.line_type).turn()
    assert line.asked == [NUMBER] * 2


async def test_a_mobile_stays_as_it_is_and_so_does_whoever_opted_out(
    replica: Replica, office: Office
) -> None:
    line = Line()
    await LineCheck(replica, line.line_type).turn()
    assert await unreachable(replica) is None
    await contacts.queries.opt_out(replica.pool, address=NUMBER, why=contacts.OPTED_OUT)
    await replica.pool.execute("UPDATE contact SET checked_at = NULL")
    await LineCheck(replica, Line("a landline").line_type).turn()
    assert await unreachable(replica) == contacts.OPTED_OUT


async def test_a_provider_that_does_not_answer_makes_nobody_unreachable(
    replica: Replica, office: Office
) -> None:
    line = Line("a landline")
    line.fails = True
    await LineCheck(replica, line.line_type).turn()
    assert await unreachable(replica) is None
    line.fails = False
    await LineCheck(replica, line.line_type).turn()
    assert await unreachable(replica) == "a landline", "it was not looked up, and is now"
