"""Settlements, their steps, notices of clearing systems, proposals and penalties."""

import apps.settlement.models.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
from decimal import Decimal
from apps.core.new_tables import NewTables
from django.db import migrations, models


class Migration(NewTables):

    initial = True

    dependencies = [
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Proposal',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('settlement_id', models.UUIDField()),
                ('reason', models.TextField()),
                ('proposed_by', models.TextField()),
                ('proposed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('is_approved', models.BooleanField(null=True)),
                ('decided_by', models.TextField(null=True)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.TextField(db_default='')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_approved__isnull', True)), fields=('settlement_id',), name='settlement_has_one_open_proposal'), models.CheckConstraint(condition=models.Q(models.Q(('decided_by__isnull', True), ('is_approved__isnull', True)), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('is_approved__isnull', False)), _connector='OR'), name='decisions_are_somebodys'), models.CheckConstraint(condition=models.Q(('decided_by__isnull', True), models.Q(('decided_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='two_people_settle_by_hand')],
            },
        ),
        migrations.CreateModel(
            name='Settlement',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('settlement', 'Settlement'), ('return', 'Return')], max_length=10)),
                ('trade_id', models.UUIDField()),
                ('version_no', models.SmallIntegerField(help_text='Of the trade.')),
                ('account_id', models.UUIDField()),
                ('account_number', models.TextField()),
                ('instrument_id', models.UUIDField()),
                ('symbol', models.TextField()),
                ('counterparty', models.TextField(null=True)),
                ('movement', models.CharField(choices=[('receive', 'Receive'), ('deliver', 'Deliver')], max_length=7)),
                ('quantity', apps.settlement.models.fields.AmountField()),
                ('currency', models.TextField()),
                ('amount', apps.settlement.models.fields.AmountField(help_text='Cash at clearing; below 0 where it goes with the securities.')),
                ('client_cash', models.JSONField(help_text='{currency: amount}: signed, net of fees.')),
                ('trade_date', models.DateField()),
                ('market', models.TextField(help_text='The settlement calendar.')),
                ('clearing', models.TextField(help_text='The clearing system; empty: our own books.')),
                ('opened_at', models.DateTimeField()),
                ('due_on', models.DateField(help_text='The intended settlement date.', null=True)),
                ('window_at', models.DateTimeField(help_text='When it is released (UTC).', null=True)),
                ('is_late', models.BooleanField(help_text='A cut-off was missed: it takes the next window.')),
                ('state', models.CharField(choices=[('awaiting_date', 'awaiting_date'), ('validating', 'validating'), ('instructing', 'instructing'), ('instructed', 'instructed'), ('retrying', 'retrying'), ('confirmed', 'confirmed'), ('settled', 'settled'), ('failed', 'failed'), ('manual', 'manual'), ('compensating', 'compensating'), ('compensated', 'compensated'), ('compensation_failed', 'compensation_failed'), ('cancelled', 'cancelled')], max_length=19)),
                ('settled', apps.settlement.models.fields.AmountField(help_text='Quantity in the ledger.')),
                ('pending', apps.settlement.models.fields.AmountField(help_text='Quantity that is confirmed and not in the ledger yet.')),
                ('parts', models.SmallIntegerField(help_text='Ledger entries of it.')),
                ('tries', models.SmallIntegerField()),
                ('may_be_out', models.BooleanField(help_text='An instruction is, or may be, at clearing.')),
                ('is_unwanted', models.BooleanField(help_text='It is to be undone.')),
                ('is_gone', models.BooleanField(help_text='Its trade was cancelled or amended.')),
                ('is_returned', models.BooleanField(help_text='What had settled was returned.')),
                ('round', models.SmallIntegerField(help_text='Instructions so far that clearing ended.')),
                ('instruction_id', models.UUIDField(help_text='Ours, at the clearing system.', null=True)),
                ('reference', models.TextField(help_text="The clearing system's own.")),
                ('code', models.TextField(help_text='Reason, in the words of ISO 20022.')),
                ('detail', models.TextField(help_text='Reason, in words.')),
                ('next_at', models.DateTimeField(help_text='When the clock looks at it again.', null=True)),
                ('attention_at', models.DateTimeField(help_text='Since when a person is needed.', null=True)),
                ('assigned_to', models.TextField(help_text='Who works on it.')),
                ('instructed_at', models.DateTimeField(null=True)),
                ('settled_at', models.DateTimeField(null=True)),
                ('changed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('version', models.IntegerField(help_text='How often it has changed.')),
                ('by_hand', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='settlement.proposal')),
                ('original', models.ForeignKey(db_constraint=False, db_index=False, help_text='Of a return: what is returned.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='settlement.settlement')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('next_at__isnull', False)), fields=['next_at'], name='settlements_next'), models.Index(fields=['tenant', 'id'], name='settlements_of_tenant'), models.Index(condition=models.Q(('state__in', ['cancelled', 'compensated', 'settled']), _negated=True), fields=['tenant', 'due_on'], name='settlements_open')],
                'constraints': [models.UniqueConstraint(fields=('trade_id', 'version_no', 'kind'), name='trade_version_settles_once'), models.UniqueConstraint(condition=models.Q(('instruction_id__isnull', False)), fields=('instruction_id',), name='instruction_is_of_one_settlement'), models.CheckConstraint(condition=models.Q(('quantity__gt', Decimal('-1E+20')), ('quantity__lt', Decimal('1E+20')), ('amount__gt', Decimal('-1E+20')), ('amount__lt', Decimal('1E+20')), ('settled__gt', Decimal('-1E+20')), ('settled__lt', Decimal('1E+20')), ('pending__gt', Decimal('-1E+20')), ('pending__lt', Decimal('1E+20')), ('pending__gte', 0), ('quantity__gt', 0), ('settled__gte', 0), ('quantity__gte', django.db.models.expressions.CombinedExpression(models.F('settled'), '+', models.F('pending')))), name='settlement_amounts_fit'), models.CheckConstraint(condition=models.Q(('state__in', ['awaiting_date', 'cancelled', 'compensated', 'compensating', 'compensation_failed', 'confirmed', 'failed', 'instructed', 'instructing', 'manual', 'retrying', 'settled', 'validating'])), name='settlement_state_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('next_at__isnull', False), ('state__in', ['awaiting_date', 'compensating', 'confirmed', 'instructed', 'instructing', 'retrying', 'validating'])), models.Q(('attention_at__isnull', False), ('state__in', ['compensation_failed', 'failed', 'manual'])), models.Q(('next_at__isnull', True), ('state__in', ['cancelled', 'compensated', 'settled'])), _connector='OR'), name='settlement_has_a_next_step'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'settled'), ('settled', models.F('quantity'))), models.Q(models.Q(('state', 'settled'), _negated=True), ('settled__lt', models.F('quantity'))), _connector='OR'), name='settled_means_all_of_it'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'confirmed'), _negated=True), ('pending__gt', 0), _connector='OR'), name='confirmed_means_something'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'return'), ('original__isnull', False)), models.Q(('kind', 'settlement'), ('original__isnull', True)), _connector='OR'), name='returns_name_what_they_return'), models.CheckConstraint(condition=models.Q(models.Q(('due_on__isnull', False), ('window_at__isnull', False)), ('state__in', ['cancelled', 'manual']), _connector='OR'), name='settlement_without_date_is_a_persons')],
            },
        ),
        migrations.CreateModel(
            name='SettlementStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', models.CharField(help_text='open, release, validate, instruct, ask, withdraw, notice, post, …', max_length=12)),
                ('attempt', models.SmallIntegerField()),
                ('request_id', models.UUIDField(help_text="Our instruction's id.", null=True)),
                ('request_hash', models.TextField(db_default='', help_text='SHA-256 of what was sent.')),
                ('request', models.TextField(db_default='')),
                ('response', models.TextField(db_default='')),
                ('error', models.TextField(db_default='')),
                ('from_state', models.CharField(max_length=19)),
                ('to_state', models.CharField(max_length=19)),
                ('note', models.TextField(db_default='', help_text='A reason, a comment.')),
                ('by', models.TextField(db_default='', help_text='Who decided; empty: the machine.')),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('next_attempt_at', models.DateTimeField(null=True)),
                ('settlement', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='settlement.settlement')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(fields=['settlement', 'id'], name='steps_of_settlement')],
            },
        ),
        migrations.CreateModel(
            name='ClearingNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('system', models.TextField()),
                ('notice_id', models.TextField(help_text="The clearing system's.")),
                ('instruction', models.TextField(help_text='Ours, as it was repeated to us.')),
                ('kind', models.CharField(max_length=9)),
                ('quantity', apps.settlement.models.fields.AmountField(null=True)),
                ('amount', apps.settlement.models.fields.AmountField(null=True)),
                ('code', models.TextField()),
                ('detail', models.TextField()),
                ('at', models.DateTimeField(help_text='When it happened, says the clearing system.')),
                ('digest', models.TextField(help_text='SHA-256 of the content.')),
                ('raw', models.TextField()),
                ('settlement_id', models.UUIDField(null=True)),
                ('state', models.CharField(choices=[('received', 'Received'), ('taken', 'Taken'), ('suspended', 'Suspended'), ('resolved', 'Resolved')], max_length=9)),
                ('reason', models.TextField(db_default='', help_text='Why it was suspended, or how resolved.')),
                ('resolved_by', models.TextField(db_default='')),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('settled_at', models.DateTimeField(help_text='When we dealt with it.', null=True)),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(fields=['settlement_id'], name='notices_of_settlement'), models.Index(condition=models.Q(('state', 'suspended')), fields=['tenant', 'id'], name='notices_suspended')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'system', 'notice_id'), name='notice_is_taken_once'), models.CheckConstraint(condition=models.Q(('state__in', ['received', 'resolved', 'suspended', 'taken'])), name='notice_state_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('quantity__isnull', True), models.Q(('quantity__gt', Decimal('-1E+20')), ('quantity__lt', Decimal('1E+20'))), _connector='OR'), models.Q(('amount__isnull', True), models.Q(('amount__gt', Decimal('-1E+20')), ('amount__lt', Decimal('1E+20'))), _connector='OR')), name='notice_amounts_fit')],
            },
        ),
        migrations.CreateModel(
            name='Penalty',
            fields=[
                ('pk', models.CompositePrimaryKey('settlement_id', 'on', blank=True, editable=False, primary_key=True, serialize=False)),
                ('settlement_id', models.UUIDField()),
                ('on', models.DateField(help_text='The business day.')),
                ('quantity', apps.settlement.models.fields.AmountField(help_text='That failed on this day.')),
                ('price', apps.settlement.models.fields.AmountField(help_text='Reference price.')),
                ('rate', apps.settlement.models.fields.AmountField(help_text='Per day.')),
                ('amount', apps.settlement.models.fields.AmountField()),
                ('currency', models.TextField()),
                ('accrued_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name_plural': 'penalties',
                'constraints': [models.CheckConstraint(condition=models.Q(('quantity__gt', Decimal('-1E+20')), ('quantity__lt', Decimal('1E+20')), ('price__gt', Decimal('-1E+20')), ('price__lt', Decimal('1E+20')), ('rate__gt', Decimal('-1E+20')), ('rate__lt', Decimal('1E+20')), ('amount__gt', Decimal('-1E+20')), ('amount__lt', Decimal('1E+20')), ('amount__gt', 0)), name='penalty_amounts_fit')],
            },
        ),
    ]
