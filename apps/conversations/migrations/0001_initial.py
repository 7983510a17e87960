"""The tables."""

import apps.core.ids
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from apps.core.new_tables import NewTables
from django.db import migrations, models


class Migration(NewTables):

    initial = True

    dependencies = [
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Customer',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('external_id', models.TextField(db_collation='C', help_text="The tenant's own name for them.")),
                ('name', models.TextField(blank=True, default='')),
                ('language', models.TextField(blank=True, default='', help_text='BCP 47; empty: not known.')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('erased_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(fields=['tenant', 'id'], name='customers_of_a_tenant')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'external_id'), name='customer_is_known_once'), models.CheckConstraint(condition=models.Q(('external_id', ''), _negated=True), name='customer_has_a_name_outside')],
            },
        ),
        migrations.CreateModel(
            name='Conversation',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('channel', models.CharField(choices=[('web', 'Web'), ('mobile', 'Mobile'), ('api', 'Api'), ('widget', 'Widget')], max_length=6)),
                ('state', models.CharField(choices=[('bot', 'bot'), ('queued', 'queued'), ('offered', 'offered'), ('active', 'active'), ('on_hold', 'on hold'), ('wrap_up', 'wrap up'), ('closed', 'closed')], max_length=7)),
                ('owner', models.CharField(choices=[('bot', 'bot'), ('queue', 'queue'), ('agent', 'agent'), ('nobody', 'nobody')], max_length=6)),
                ('agent_id', models.UUIDField(blank=True, help_text="Who has it (an agent's id).", null=True)),
                ('last_agent_id', models.UUIDField(blank=True, help_text='Who had it last.', null=True)),
                ('wanted_agent_id', models.UUIDField(blank=True, help_text='A transfer waits for this agent until `fallback_at`.', null=True)),
                ('epoch', models.IntegerField(default=1, help_text='Names the message stream; new if rewritten.')),
                ('fence', models.IntegerField(default=1, help_text='How often the ownership changed, from 1.')),
                ('last_seq', models.BigIntegerField(default=0, help_text='The seq of the newest message.')),
                ('version', models.BigIntegerField(default=1, help_text='How often this row changed, from 1.')),
                ('priority', models.SmallIntegerField(default=0, help_text='0 to 100; higher is served first.')),
                ('skills', models.JSONField(blank=True, default=dict, help_text='Skill → level wanted, 1 to 5.')),
                ('language', models.TextField(blank=True, default='', help_text='BCP 47; empty: not known.')),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), blank=True, default=list, size=None)),
                ('closings', models.IntegerField(default=0, help_text='How often it was closed.')),
                ('closing_reason', models.TextField(blank=True, default='')),
                ('opened_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('queued_at', models.DateTimeField(blank=True, help_text='Its place in the line.', null=True)),
                ('assigned_at', models.DateTimeField(blank=True, null=True)),
                ('fallback_at', models.DateTimeField(blank=True, null=True)),
                ('wrap_up_until', models.DateTimeField(blank=True, null=True)),
                ('last_message_at', models.DateTimeField(blank=True, null=True)),
                ('closed_at', models.DateTimeField(blank=True, help_text="When the customer's side ended.", null=True)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
                ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='conversations', to='conversations.customer')),
            ],
            options={
                'indexes': [models.Index(fields=['tenant', 'id'], name='conversations_of_a_tenant'), models.Index(fields=['tenant', 'state', 'id'], name='conversations_by_state'), models.Index(fields=['customer', 'id'], name='conversations_of_a_customer'), models.Index(condition=models.Q(('agent_id__isnull', False)), fields=['agent_id', 'id'], name='conversations_of_an_agent')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['active', 'bot', 'offered', 'on_hold', 'queued'])), fields=('customer', 'channel'), name='one_open_conversation_per_channel'), models.CheckConstraint(condition=models.Q(('channel__in', ['web', 'mobile', 'api', 'widget'])), name='conversation_channel_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('owner', 'bot'), ('state__in', ['bot'])), models.Q(('owner', 'queue'), ('state__in', ['queued', 'offered'])), models.Q(('owner', 'agent'), ('state__in', ['active', 'on_hold', 'wrap_up'])), models.Q(('owner', 'nobody'), ('state__in', ['closed'])), _connector='OR'), name='conversation_owner_follows_state'), models.CheckConstraint(condition=models.Q(models.Q(('agent_id__isnull', False), ('state__in', ['active', 'on_hold', 'wrap_up'])), models.Q(models.Q(('state__in', ['active', 'on_hold', 'wrap_up']), _negated=True), ('agent_id__isnull', True)), _connector='OR'), name='conversation_has_an_agent_when_owned'), models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('state__in', ['active', 'bot', 'offered', 'on_hold', 'queued'])), models.Q(models.Q(('state__in', ['active', 'bot', 'offered', 'on_hold', 'queued']), _negated=True), ('closed_at__isnull', False)), _connector='OR'), name='conversation_is_closed_at_a_time'), models.CheckConstraint(condition=models.Q(('closings__gte', 0), ('epoch__gte', 1), ('fence__gte', 1), ('last_seq__gte', 0), ('version__gte', 1)), name='conversation_counters_are_sane'), models.CheckConstraint(condition=models.Q(('priority__range', (0, 100))), name='conversation_priority_is_sane')],
            },
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('seq', models.BigIntegerField(help_text='1, 2, 3 … in the conversation, without a gap.')),
                ('client_id', models.TextField(db_collation='C', help_text='What the sender calls it; a resend is the same message.')),
                ('sender', models.CharField(choices=[('customer', 'customer'), ('agent', 'agent'), ('bot', 'bot'), ('system', 'system')], max_length=8)),
                ('sender_id', models.TextField(blank=True, db_collation='C')),
                ('kind', models.CharField(choices=[('text', 'Text'), ('attachment', 'Attachment'), ('event', 'Event')], max_length=10)),
                ('body', models.TextField(blank=True)),
                ('data', models.JSONField(blank=True, help_text='Of an attachment or an event.', null=True)),
                ('sent_at', models.DateTimeField()),
                ('erased_at', models.DateTimeField(blank=True, null=True)),
                ('conversation', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='conversations.conversation')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('conversation', 'seq'), name='message_seq_is_given_once'), models.UniqueConstraint(fields=('conversation', 'sender', 'sender_id', 'client_id'), name='message_is_sent_once'), models.CheckConstraint(condition=models.Q(('seq__gte', 1)), name='message_seq_counts_from_one'), models.CheckConstraint(condition=models.Q(('kind__in', ['text', 'attachment', 'event'])), name='message_kind_is_known'), models.CheckConstraint(condition=models.Q(('sender__in', ['customer', 'agent', 'bot', 'system'])), name='message_sender_is_known')],
            },
        ),
        migrations.CreateModel(
            name='Participant',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('sender', models.CharField(choices=[('customer', 'customer'), ('agent', 'agent'), ('bot', 'bot'), ('system', 'system')], max_length=8)),
                ('sender_id', models.TextField(blank=True, db_collation='C', help_text="The customer's or agent's id; empty: the bot.")),
                ('delivered_seq', models.BigIntegerField(default=0)),
                ('read_seq', models.BigIntegerField(default=0)),
                ('joined_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('left_at', models.DateTimeField(blank=True, null=True)),
                ('conversation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='participants', to='conversations.conversation')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('conversation', 'sender', 'sender_id'), name='participant_joins_once'), models.CheckConstraint(condition=models.Q(('delivered_seq__gte', models.F('read_seq')), ('read_seq__gte', 0)), name='what_is_read_was_delivered')],
            },
        ),
        migrations.CreateModel(
            name='Session',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('sender', models.CharField(choices=[('customer', 'customer'), ('agent', 'agent'), ('bot', 'bot'), ('system', 'system')], max_length=8)),
                ('sender_id', models.TextField(blank=True, db_collation='C')),
                ('client', models.TextField(help_text='Whom its ticket named: `user:<id>`, `key:<id>`, …')),
                ('resume_digest', models.BinaryField(max_length=32)),
                ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('last_seen_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('conversation', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to='conversations.conversation')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('ended_at__isnull', True)), fields=['conversation', 'sender'], name='sessions_that_are_connected'), models.Index(condition=models.Q(('ended_at__isnull', True)), fields=['last_seen_at'], name='sessions_by_last_sign'), models.Index(fields=['tenant', 'id'], name='sessions_of_a_tenant')],
                'constraints': [models.UniqueConstraint(fields=('resume_digest',), name='session_has_its_own_token')],
            },
        ),
    ]
