"""The matching state in Redis: a copy of the tables that is fast, and may be lost at any time.

All of a tenant's keys begin with one prefix in braces, so that they share a slot of a cluster:

    {…}:warm      set by a rebuild; without it nothing here is to be believed
    {…}:agent:A   hash: version, capacity, load, held (reserved, not yet confirmed), levels of skills
    {…}:room      set: agents who are online and have room
    {…}:conns:A   sorted set: connections, by the time at which each ends
    {…}:work:W    hash: version and what is needed, while it waits
    {…}:queue     sorted set: who waits, by `order_at`
    {…}:reserved  hash: work → agent|fence|weight, between the pick and its confirmation
    {…}:expiry    sorted set: reservations, by the time at which each is void

Decision: docs/decisions/0030-matching-in-redis-confirmed-in-postgresql.md.
"""

from apps.agents.services.state.believing import Belief, Beliefs, dump, forget
from apps.agents.services.state.copying import rebuild, refresh
from apps.agents.services.state.picking import Pick, Picks, is_news, pick, settle
from apps.agents.services.state.presence import Presence, beat, end, presence_of

__all__ = [
    "Belief",
    "Beliefs",
    "Pick",
    "Picks",
    "Presence",
    "beat",
    "dump",
    "end",
    "forget",
    "is_news",
    "pick",
    "presence_of",
    "rebuild",
    "refresh",
    "settle",
]
