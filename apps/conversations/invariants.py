"""What must always be true of conversations; `manage.py verify` looks.

Each check is one statement, hence one snapshot. Erasure blanks messages and keeps their places, retention
deletes conversations whole, so neither makes a gap.
"""

from collections.abc import Sequence
from typing import Final

from apps.conversations.lifecycle import OPEN, Owner, State, owner_in
from apps.events.invariants import Check, Invariant, check_by_query

CONVERSATIONS: Final = """
    SELECT count(*) FROM conversations_conversation WHERE tenant_id = coalesce(%s, tenant_id)"""
PARTICIPANTS: Final = """
    SELECT count(*) FROM conversations_participant WHERE tenant_id = coalesce(%s, tenant_id)"""


def messages_are_gapless(tenant_id: int | None) -> Check:
    """A conversation has the seqs 1 to its last, each once."""
    return check_by_query(
        "conversations: messages are numbered without a gap",
        count=CONVERSATIONS,
        faults="""
            SELECT format('conversation %%s: last seq %%s, %%s messages from %%s to %%s', c.id,
                          c.last_seq, coalesce(m.number, 0), m.first, m.last)
            FROM conversations_conversation c
            LEFT JOIN (SELECT conversation_id, count(*) AS number, min(seq) AS first,
                              max(seq) AS last
                       FROM conversations_message GROUP BY 1) AS m ON m.conversation_id = c.id
            WHERE c.tenant_id = coalesce(%s, c.tenant_id)
              AND (coalesce(m.number, 0), coalesce(m.first, 1), coalesce(m.last, 0))
                  <> (c.last_seq, 1, c.last_seq)""",
        params=[tenant_id],
    )


def messages_are_their_tenants(tenant_id: int | None) -> Check:
    """Messages, participants and notes belong to the tenant of their conversation, which is there."""
    rows = " UNION ALL ".join(
        f"SELECT id, tenant_id, conversation_id, '{table}' AS kind FROM conversations_{table}"
        for table in ("message", "participant", "note", "attachment", "rating")
    )
    return check_by_query(
        "conversations: everything belongs to its conversation's tenant",
        count=f"SELECT count(*) FROM ({rows}) r WHERE tenant_id = coalesce(%s, tenant_id)",
        faults=f"""
            SELECT format('%%s %%s of conversation %%s: tenant %%s, the conversation''s %%s', r.kind,
                          r.id, r.conversation_id, r.tenant_id, c.tenant_id)
            FROM ({rows}) r LEFT JOIN conversations_conversation c ON c.id = r.conversation_id
            WHERE r.tenant_id = coalesce(%s, r.tenant_id)
              AND c.tenant_id IS DISTINCT FROM r.tenant_id""",
        params=[tenant_id],
    )


def customers_have_one_open(tenant_id: int | None) -> Check:
    """A customer has one open conversation on a channel at most."""
    return check_by_query(
        "conversations: one is open per customer and channel",
        count=CONVERSATIONS,
        faults=f"""
            SELECT format('customer %%s, %%s: %%s are open', customer_id, channel, count(*))
            FROM conversations_conversation
            WHERE tenant_id = coalesce(%s, tenant_id) AND state IN ({_states(OPEN)})
            GROUP BY customer_id, channel HAVING count(*) > 1""",
        params=[tenant_id],
    )


def receipts_are_covered(tenant_id: int | None) -> Check:
    """Nobody got or read more than was sent, and what was read was delivered."""
    return check_by_query(
        "conversations: receipts are within what was sent",
        count=PARTICIPANTS,
        faults="""
            SELECT format('participant %%s: read %%s, delivered %%s, sent %%s', p.id, p.read_seq,
                          p.delivered_seq, c.last_seq)
            FROM conversations_participant p
            JOIN conversations_conversation c ON c.id = p.conversation_id
            WHERE p.tenant_id = coalesce(%s, p.tenant_id)
              AND NOT (p.read_seq <= p.delivered_seq AND p.delivered_seq <= c.last_seq)""",
        params=[tenant_id],
    )


def owners_follow_states(tenant_id: int | None) -> Check:
    """The owner is who the lifecycle says for the state, and an agent is named when one owns it."""
    rows = ", ".join(f"('{state}', '{owner_in(state)}')" for state in State)
    return check_by_query(
        "conversations: owner and agent follow the state",
        count=CONVERSATIONS,
        faults=f"""
            SELECT format('conversation %%s: %%s, owner %%s, agent %%s', c.id, c.state, c.owner,
                          c.agent_id)
            FROM conversations_conversation c
            LEFT JOIN (VALUES {rows}) AS rule (state, owner) ON rule.state = c.state
            WHERE c.tenant_id = coalesce(%s, c.tenant_id)
              AND (rule.owner IS DISTINCT FROM c.owner
                   OR (c.owner = '{Owner.AGENT}') <> (c.agent_id IS NOT NULL))""",
        params=[tenant_id],
    )


def messages_are_told(tenant_id: int | None) -> Check:
    """The log has told of every message since the floor of its partition, in the messages' order.

    Imported dialogues are told as one fact each. Where retention archived the beginning of a partition, what
    was told there says nothing.
    """
    return check_by_query(
        "conversations: the log tells every message, in order",
        count="""
            SELECT count(*) FROM events_event
            WHERE name = 'conversations.message.sent' AND tenant_id = coalesce(%s, tenant_id)""",
        faults="""
            SELECT format('conversation %%s: seq %%s stands behind %%s in the log', told.key, told.seq,
                          told.before)
            FROM (SELECT key, (data ->> 'seq')::bigint AS seq,
                         lag((data ->> 'seq')::bigint) OVER (PARTITION BY key ORDER BY "offset")
                             AS before
                  FROM events_event
                  WHERE name = 'conversations.message.sent'
                    AND tenant_id = coalesce(%s, tenant_id)) AS told
            WHERE told.seq <> told.before + 1""",
        params=[tenant_id],
    )


def _states(states: frozenset[State]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


INVARIANTS: Sequence[Invariant] = (
    messages_are_gapless,
    messages_are_their_tenants,
    customers_have_one_open,
    receipts_are_covered,
    owners_follow_states,
    messages_are_told,
)
