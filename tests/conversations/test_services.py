"""Opening, sending and receipts: what each does, again, at once, and for another tenant."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, connection
from django.db.utils import DatabaseError

from apps.conversations import selectors, services
from apps.conversations.exceptions import (
    ConversationClosed,
    ConversationRefused,
    MessageRefused,
    OwnerChanged,
    UnknownConversation,
    WidgetRefused,
)
from apps.conversations.models import Conversation, Message, Participant
from apps.conversations.services import Draft, Receipt
from apps.tenants.models import Tenant
from tests.conversations.cast import facts, in_threads, open_one, queries, say, transcript

OPENED = "conversations.conversation.opened"


class TestOpening:
    def test_begins_with_the_bot_or_for_a_skill_in_the_line(self, tenant: Tenant) -> None:
        bot = open_one(tenant.pk, "anna")
        queued = open_one(tenant.pk, "ben", skills={"billing": 3}, priority=5, language="de-CH")

        assert (bot.state, bot.owner, bot.queued_at) == ("bot", "bot", None)
        assert (queued.state, queued.owner, queued.skills) == ("queued", "queue", {"billing": 3})
        assert queued.queued_at == queued.opened_at
        (opened,) = facts(queued.id, OPENED)
        assert opened["priority"] == 5

    def test_again_is_the_same_and_tells_nothing(self, tenant: Tenant) -> None:
        first = services.open_conversation(tenant.pk, external_id="anna", channel="web")
        again = services.open_conversation(tenant.pk, external_id="anna", channel="web")

        assert first.is_new
        assert not again.is_new
        assert again.conversation.id == first.conversation.id
        assert len(facts(first.conversation.id, OPENED)) == 1

    def test_is_one_for_each_channel_and_customer(self, tenant: Tenant, other: Tenant) -> None:
        found = {
            open_one(tenant.pk, "anna", channel="web").id,
            open_one(tenant.pk, "anna", channel="mobile").id,
            open_one(tenant.pk, "ben", channel="web").id,
            open_one(other.pk, "anna", channel="web").id,
        }

        assert len(found) == 4

    def test_fifty_at_once_open_one(self, tenant: Tenant) -> None:
        answers = in_threads(
            50,
            lambda _: services.open_conversation(tenant.pk, external_id="anna", channel="web"),
        )

        assert all(one.conversation == answers[0].conversation for one in answers)
        assert sum(one.is_new for one in answers) == 1
        assert Conversation.objects.count() == 1
        assert Participant.objects.count() == 1
        assert len(facts(answers[0].conversation.id, OPENED)) == 1

    def test_after_the_end_there_is_a_new_one(self, tenant: Tenant) -> None:
        first = open_one(tenant.pk)
        services.close(tenant.pk, first.id, by="system")

        assert open_one(tenant.pk).id != first.id

    def test_says_every_reason(self, tenant: Tenant) -> None:
        with pytest.raises(ConversationRefused) as refusal:
            services.open_conversation(
                tenant.pk, external_id=" ", channel="fax", priority=101, language="?",
                skills={"x": 9}, owner="agent", name="a\nb",
            )  # fmt: skip

        fields = {one["field"] for one in refusal.value.facts["errors"]}  # type: ignore[attr-defined] # a list
        assert fields == {
            "customer.external_id", "customer.name", "channel", "priority", "language", "skills",
            "owner",
        }  # fmt: skip
        assert Conversation.objects.count() == 0

    def test_a_language_is_no_longer_than_columns_take(self, tenant: Tenant) -> None:
        long = "en" + "-abcdefgh" * 4
        with pytest.raises(ConversationRefused):
            open_one(tenant.pk, language=long)
        with pytest.raises(WidgetRefused):
            services.create_widget(tenant.pk, name="x", language=long)


class TestSending:
    def test_numbers_without_a_gap(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        for number in range(1, 4):
            assert say(tenant.pk, one.id, f"m{number}").the_message.seq == number

        assert [seq for seq, _, _ in transcript(tenant.pk, one.id)] == [1, 2, 3]
        assert selectors.position_of(tenant.pk, one.id) == (1, 3)
        assert [fact["seq"] for fact in facts(one.id, "conversations.message.sent")] == [1, 2, 3]

    def test_puts_no_words_into_the_log(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk, name="Anna Secret")
        say(tenant.pk, one.id, "my card is 4111")

        with connection.cursor() as cursor:
            cursor.execute("SELECT string_agg(data::text || headers::text, '') FROM events_event")
            everything = cursor.fetchone()[0]
        assert "4111" not in everything
        assert "Anna" not in everything

    def test_again_is_the_same_message(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        first = say(tenant.pk, one.id, "hello", client_id="c1")
        again = say(tenant.pk, one.id, "something else", client_id="c1")

        assert (first.is_new, again.is_new) == (True, False)
        assert again.message == first.message
        assert len(facts(one.id, "conversations.message.sent")) == 1

    def test_again_after_the_end_is_still_the_same_message(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        first = say(tenant.pk, one.id, "hello", client_id="c1")
        services.close(tenant.pk, one.id, by="system")

        assert say(tenant.pk, one.id, "hello", client_id="c1").message == first.message

    def test_two_people_may_call_theirs_the_same(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        say(tenant.pk, one.id, "from her", client_id="1")
        say(tenant.pk, one.id, "from it", client_id="1", sender="bot")

        assert [body for _, _, body in transcript(tenant.pk, one.id)] == ["from her", "from it"]

    def test_a_customer_is_always_the_conversations_own(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        sent = say(tenant.pk, one.id, "hello", sender_id="somebody else")

        assert sent.the_message.sender_id == str(one.customer_id)

    def test_many_of_many_in_two_round_trips(self, tenant: Tenant, other: Tenant) -> None:
        a, b = open_one(tenant.pk, "anna"), open_one(tenant.pk, "ben")
        theirs = open_one(other.pk, "carl")
        closed = open_one(tenant.pk, "dora")
        services.close(tenant.pk, closed.id, by="system")
        drafts = [
            Draft(a.id, "customer", "1", "a1"),
            Draft(b.id, "customer", "1", "b1"),
            Draft(a.id, "customer", "1", "a1 again"),
            Draft(theirs.id, "customer", "1", "not ours"),
            Draft(closed.id, "customer", "1", "too late"),
            Draft(a.id, "customer", "2", ""),
            Draft(a.id, "bot", "1", "a2", fence=a.fence),
            Draft(b.id, "bot", "1", "fenced", fence=b.fence + 1),
            Draft(uuid4(), "customer", "1", "nowhere"),
        ]
        outcomes: list[services.Sent] = []

        sent = queries(lambda: outcomes.extend(services.send_messages(tenant.pk, drafts)))

        assert len(sent) == 2  # one locks, numbers and writes; one appends to the log
        places = [one.message and (one.message.conversation, one.message.seq) for one in outcomes]
        assert places[:3] == [(a.id, 1), (b.id, 1), (a.id, 1)]
        assert [one.is_new for one in outcomes[:3]] == [True, True, False]
        assert places[6] == (a.id, 2)
        refusals = [type(one.refusal) for one in outcomes if one.refusal]
        assert refusals == [
            UnknownConversation, ConversationClosed, MessageRefused, OwnerChanged,
            UnknownConversation,
        ]  # fmt: skip
        assert transcript(other.pk, theirs.id) == []

    def test_from_many_at_once_is_gapless(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)

        def chatter(number: int) -> None:
            for turn in range(10):
                drafts = [
                    Draft(one.id, "customer", f"{number}-{turn}-{part}", "x") for part in range(3)
                ]
                services.send_messages(tenant.pk, drafts)

        in_threads(8, chatter)

        assert [seq for seq, _, _ in transcript(tenant.pk, one.id)] == list(range(1, 241))
        told = [fact["seq"] for fact in facts(one.id, "conversations.message.sent")]
        assert told == list(range(1, 241))

    def test_one_client_id_from_many_at_once_is_one_message(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)

        sent = in_threads(10, lambda _: say(tenant.pk, one.id, "hello", client_id="c1"))

        assert len({found.the_message.id for found in sent}) == 1
        assert sum(found.is_new for found in sent) == 1

    @pytest.mark.parametrize("body", ["", "   ", "x" * 16_001, "a\0b", "bell\a", "half \ud83d"])
    def test_refuses_what_is_no_message(self, tenant: Tenant, body: str) -> None:
        one = open_one(tenant.pk)

        with pytest.raises(MessageRefused):
            say(tenant.pk, one.id, body, client_id="c1")

    def test_keeps_every_kind_of_letter(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        body = 'Grüezi 👋🏽 \u202eabc\n\tبيان \\u0000 "quoted"'

        assert say(tenant.pk, one.id, body, client_id="c1").the_message.body == body
        assert transcript(tenant.pk, one.id)[0][2] == body

    def test_a_bot_that_lost_the_conversation_is_refused(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        services.assign(tenant.pk, one.id, agent=uuid4())

        with pytest.raises(ConversationClosed):
            say(tenant.pk, one.id, "as I was saying", sender="bot", fence=one.fence)
        services.return_to_bot(tenant.pk, one.id, by="system")
        with pytest.raises(OwnerChanged):  # the same owner, but not the same ownership
            say(tenant.pk, one.id, "as I was saying", sender="bot", fence=one.fence)


class TestReceipts:
    def test_only_grow_and_never_beyond_the_newest(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        for number in range(3):
            say(tenant.pk, one.id, f"m{number}")
        me = {"sender": "customer", "sender_id": str(one.customer_id)}

        def mark(**seqs: int) -> list[tuple[int, int]]:
            moved = services.mark_receipts(tenant.pk, [Receipt(one.id, **me, **seqs)])
            return [(found.delivered_seq, found.read_seq) for found in moved]

        assert mark(delivered_seq=2) == [(2, 0)]
        assert mark(delivered_seq=1) == []
        assert mark(read_seq=2) == [(2, 2)]
        assert mark(read_seq=2, delivered_seq=2) == []
        assert mark(read_seq=99) == [(3, 3)]
        marks = facts(one.id, "conversations.receipt.advanced")
        assert [(one["delivered_seq"], one["read_seq"]) for one in marks] == [
            (2, 0),
            (2, 2),
            (3, 3),
        ]

    def test_many_in_two_round_trips(self, tenant: Tenant, other: Tenant) -> None:
        a, b, theirs = open_one(tenant.pk, "a"), open_one(tenant.pk, "b"), open_one(other.pk, "c")
        for view, whose in ((a, tenant), (b, tenant), (theirs, other)):
            say(whose.pk, view.id, "hello")
        receipts = [Receipt(view.id, "agent", "x", read_seq=1) for view in (a, b, theirs)]
        receipts.append(Receipt(a.id, "agent", "x", delivered_seq=1))
        moved: list[services.Marked] = []

        sent = queries(lambda: moved.extend(services.mark_receipts(tenant.pk, receipts)))

        assert len(sent) == 2
        assert {one.conversation for one in moved} == {a.id, b.id}

    def test_from_many_at_once_end_at_the_highest(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        services.send_messages(
            tenant.pk, [Draft(one.id, "customer", str(n), "x") for n in range(20)]
        )

        in_threads(
            10,
            lambda n: [
                services.mark_receipts(tenant.pk, [Receipt(one.id, "agent", "x", read_seq=seq)])
                for seq in range(1 + n, 21, 2)
            ],
        )

        marks = {
            found.sender: found.read_seq for found in selectors.participants_of(tenant.pk, one.id)
        }
        assert marks == {"customer": 0, "agent": 20}


class TestGuards:
    """What the database refuses, whoever writes."""

    def refused(self, statement: str, *values: object) -> str:
        with pytest.raises(DatabaseError) as refusal, connection.cursor() as cursor:
            cursor.execute(statement, list(values))  # type: ignore[arg-type] # ids and texts
        return str(refusal.value)

    def test_what_was_written_stays(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        say(tenant.pk, one.id, "hello")

        for statement in (
            "UPDATE conversations_message SET body = 'x'",
            "DELETE FROM conversations_message",
            "TRUNCATE conversations_message",
        ):
            assert "what was written stays" in self.refused(statement)

    def test_an_erasure_may_blank_a_message_and_never_move_it(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        say(tenant.pk, one.id, "hello")
        erasing = "SET LOCAL lockstep.erasing = 'on'; "
        blank = "UPDATE conversations_message SET body = '', data = NULL, erased_at = now()"

        assert "stays" in self.refused(f"BEGIN; {erasing}{blank}, seq = seq + 1; COMMIT")
        connection.rollback()
        assert "stays" in self.refused(f"BEGIN; {erasing}{blank}, sender = 'bot'; COMMIT")
        connection.rollback()

    def test_a_gap_is_refused(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        row = Message(
            id=uuid4(), tenant_id=tenant.pk, conversation_id=one.id, seq=2, client_id="c",
            sender="customer", sender_id="", kind="text", body="x", sent_at=one.opened_at,
        )  # fmt: skip

        with pytest.raises(IntegrityError, match="follows none"):
            row.save(force_insert=True)

    def test_another_tenants_message_is_refused(self, tenant: Tenant, other: Tenant) -> None:
        one = open_one(tenant.pk)
        row = Message(
            id=uuid4(), tenant_id=other.pk, conversation_id=one.id, seq=1, client_id="c",
            sender="customer", sender_id="", kind="text", body="x", sent_at=one.opened_at,
        )  # fmt: skip

        with pytest.raises(IntegrityError, match="follows none"):
            row.save(force_insert=True)

    def test_two_open_ones_are_refused(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        row = Conversation.objects.get(pk=one.id)
        row.pk = uuid4()

        with pytest.raises(IntegrityError, match="one_open_conversation_per_channel"):
            row.save(force_insert=True)

    @pytest.mark.parametrize(
        ("change", "rule"),
        [
            ("last_seq = 0, version = version + 1", "counters only grow"),
            ("epoch = 0, version = version + 1", "counters only grow"),
            ("priority = 1", "each change is a version"),
            ("channel = 'api', version = version + 1", "keeps its tenant, customer, channel"),
            ("state = 'queued', owner = 'queue', version = version + 1", "new fence"),
            ("state = 'queued', fence = fence + 1, version = version + 1", "owner_follows_state"),
            ("state = 'active', owner = 'agent', fence = fence + 1, version = version + 1", "an_agent"),
            ("state = 'closed', owner = 'nobody', fence = fence + 1, version = version + 1", "closed_at"),
            ("priority = 101, version = version + 1", "priority"),
        ],
    )  # fmt: skip
    def test_a_conversation_keeps_its_order(self, tenant: Tenant, change: str, rule: str) -> None:
        one = open_one(tenant.pk)
        say(tenant.pk, one.id, "hello")

        assert rule in self.refused(f"UPDATE conversations_conversation SET {change}")

    def test_a_receipt_never_goes_back(self, tenant: Tenant) -> None:
        one = open_one(tenant.pk)
        say(tenant.pk, one.id, "hello")
        services.mark_receipts(tenant.pk, [Receipt(one.id, "agent", "x", read_seq=1)])

        assert "only grow" in self.refused(
            "UPDATE conversations_participant SET read_seq = 0 WHERE sender = 'agent'"
        )
