"""Sight: which alerts a role may see. The one rule, asked wherever an alert leaves the server.

Whoever keeps the buttons sees the tests of them, and nobody's emergency: to that role a real alert
is as if it weren't there, and a drill that becomes real is gone. Drill means the server's decision.

One thing is left of it, for the safety of whoever goes round in a walk test: that the press doesn't
count, and that they are to call the dispatchers. Not who took it out, when, or why, and not what
became of it (fleet/walk_test.py).

What they learn of a false alarm, once it is resolved as one, is the ledger of its button
(alert/false_alarms.py): when, why, and what was done. They are those who can mend it.
"""


def may_see(role: str, *, drill: bool) -> bool:
    """Say whether this role may see an alert, which is a drill or isn't."""
    return drill or role != "facilities"
