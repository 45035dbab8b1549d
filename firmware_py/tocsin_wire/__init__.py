"""The wire contract, version 1: everything a button and a server say to each other.

It needs only MQTT 3.1.1, QoS 0 and 1, retained messages and last wills, so that
any broker can carry it. Both sides import this package; it imports neither.
"""

VERSION = 1
