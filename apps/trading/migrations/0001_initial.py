"""Accounts, counterparties, instruments, trades and positions."""

import apps.core.ids
import apps.trading.models.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from decimal import Decimal
from apps.core.new_tables import NewTables
from django.db import migrations, models


class Migration(NewTables):
    """Accounts, counterparties, instruments, trades and positions."""

    initial = True

    dependencies = [
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='PositionMark',
            fields=[
                ('partition', models.SmallIntegerField(primary_key=True, serialize=False)),
                ('token', models.UUIDField()),
            ],
        ),
        migrations.CreateModel(
            name='ClientAccount',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.TextField()),
                ('name', models.TextField()),
                ('base_currency', models.TextField()),
                ('status', models.CharField(choices=[('open', 'Open'), ('frozen', 'Frozen'), ('closed', 'Closed')], db_default='open', default='open', max_length=6)),
                ('cost_method', models.CharField(choices=[('average', 'Average'), ('fifo', 'Fifo')], max_length=7)),
                ('max_order_notional', apps.trading.models.fields.AmountField(blank=True, help_text='Largest single trade.', null=True)),
                ('max_gross_exposure', apps.trading.models.fields.AmountField(blank=True, help_text='Largest sum of position values, long and short.', null=True)),
                ('max_orders_per_second', models.PositiveIntegerField(blank=True, null=True)),
                ('opened_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'number'), name='account_number_is_unique'), models.CheckConstraint(condition=models.Q(('status__in', ['open', 'frozen', 'closed'])), name='account_status_is_known'), models.CheckConstraint(condition=models.Q(('cost_method__in', ['average', 'fifo'])), name='cost_method_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('max_order_notional', None), models.Q(('max_order_notional__gt', Decimal('0')), ('max_order_notional__lt', Decimal('1E+20')), ('max_order_notional__min_scale__lte', 18)), _connector='OR'), models.Q(('max_gross_exposure', None), models.Q(('max_gross_exposure__gt', Decimal('0')), ('max_gross_exposure__lt', Decimal('1E+20')), ('max_gross_exposure__min_scale__lte', 18)), _connector='OR'), models.Q(('max_orders_per_second', None), ('max_orders_per_second__gt', 0), _connector='OR')), name='account_limits_are_positive')],
            },
        ),
        migrations.CreateModel(
            name='Counterparty',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('code', models.TextField()),
                ('name', models.TextField()),
                ('status', models.CharField(choices=[('active', 'Active'), ('inactive', 'Inactive')], default='active', max_length=8)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name_plural': 'counterparties',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'code'), name='counterparty_code_is_unique'), models.CheckConstraint(condition=models.Q(('status__in', ['active', 'inactive'])), name='counterparty_status_is_known')],
            },
        ),
        migrations.CreateModel(
            name='IdempotencyKey',
            fields=[
                ('pk', models.CompositePrimaryKey('tenant_id', 'client', 'operation', 'key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('client', models.TextField(help_text='Who sent it: `key:<id>` or `user:<id>`.')),
                ('operation', models.TextField()),
                ('key', models.TextField()),
                ('request', models.TextField(help_text='The request in canonical form.')),
                ('status', models.SmallIntegerField()),
                ('outcome', models.UUIDField(help_text='The trade, or the rejected trade.')),
                ('created_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', (200, 201, 409, 422))), name='key_status_is_known')],
            },
        ),
        migrations.CreateModel(
            name='Instrument',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('symbol', models.TextField()),
                ('name', models.TextField()),
                ('kind', models.CharField(choices=[('equity', 'Equity'), ('bond', 'Bond'), ('etf', 'Etf'), ('fx', 'Fx'), ('crypto', 'Crypto'), ('future', 'Future'), ('option', 'Option')], max_length=6)),
                ('currency', models.TextField(help_text='Of settlement and profit; the base coin if inverse.')),
                ('lot_size', apps.trading.models.fields.AmountField(blank=True, help_text='Quantities are multiples; empty: any.', null=True)),
                ('tick_size', apps.trading.models.fields.AmountField(blank=True, help_text='Prices are multiples; empty: any.', null=True)),
                ('multiplier', apps.trading.models.fields.AmountField(help_text='Value of one unit at price 1; inverse: of one contract.')),
                ('inverse', models.BooleanField(help_text='Quoted in one currency, settled in the other.')),
                ('price_band', apps.trading.models.fields.AmountField(blank=True, help_text='Per cent that a price may be off the last one.', null=True)),
                ('settlement_days', models.SmallIntegerField(help_text='Business days after the trade date.')),
                ('settlement_calendar', models.TextField(blank=True, default='')),
                ('status', models.CharField(choices=[('active', 'Active'), ('halted', 'Halted'), ('delisted', 'Delisted')], default='active', max_length=8)),
                ('last_price', apps.trading.models.fields.AmountField(blank=True, editable=False, null=True)),
                ('last_price_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'symbol'), name='instrument_symbol_is_unique'), models.CheckConstraint(condition=models.Q(('kind__in', ['equity', 'bond', 'etf', 'fx', 'crypto', 'future', 'option'])), name='instrument_kind_is_known'), models.CheckConstraint(condition=models.Q(('status__in', ['active', 'halted', 'delisted'])), name='instrument_status_is_known'), models.CheckConstraint(condition=models.Q(('multiplier__gt', Decimal('0')), ('multiplier__lt', Decimal('1E+20')), ('multiplier__min_scale__lte', 18), models.Q(('lot_size', None), models.Q(('lot_size__gt', Decimal('0')), ('lot_size__lt', Decimal('1E+20')), ('lot_size__min_scale__lte', 18)), _connector='OR'), models.Q(('tick_size', None), models.Q(('tick_size__gt', Decimal('0')), ('tick_size__lt', Decimal('1E+20')), ('tick_size__min_scale__lte', 18)), _connector='OR'), models.Q(('price_band', None), models.Q(('price_band__gt', Decimal('0')), ('price_band__lt', Decimal('1E+20')), ('price_band__min_scale__lte', 18)), _connector='OR')), name='instrument_terms_are_positive'), models.CheckConstraint(condition=models.Q(models.Q(('last_price', None), ('last_price_at', None)), models.Q(('last_price__gt', Decimal('0')), ('last_price__lt', Decimal('1E+20')), ('last_price__min_scale__lte', 18), ('last_price_at__isnull', False)), _connector='OR'), name='last_price_is_positive_and_dated'), models.CheckConstraint(condition=models.Q(('settlement_days__range', (0, 30))), name='settlement_days_are_sane')],
            },
        ),
        migrations.CreateModel(
            name='Position',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('currency', models.TextField(help_text='Of every amount but the quantity.')),
                ('quantity', apps.trading.models.fields.AmountField(help_text='Long above zero, short below.')),
                ('cost', apps.trading.models.fields.AmountField(help_text='Total, signed like the quantity; inverse: in the base coin.')),
                ('realised_pnl', apps.trading.models.fields.AmountField(help_text='Before fees, since the first trade.')),
                ('fees', apps.trading.models.fields.AmountField(help_text='Since the first trade.')),
                ('lots', models.JSONField(help_text='FIFO only: [[quantity, cost, offset]].', null=True)),
                ('version', models.BigIntegerField(help_text='How many trades made it.')),
                ('last_offset', models.BigIntegerField(help_text="In the account's partition of topic trade.")),
                ('updated_at', models.DateTimeField(help_text='When it was last folded (UTC).')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trading.clientaccount')),
                ('instrument', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trading.instrument')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'instrument'), name='account_has_one_position_per_instrument'), models.CheckConstraint(condition=models.Q(('quantity__gt', Decimal('-1E+20')), ('quantity__lt', Decimal('1E+20')), ('quantity__min_scale__lte', 18), ('cost__gt', Decimal('-1E+20')), ('cost__lt', Decimal('1E+20')), ('cost__min_scale__lte', 18), ('realised_pnl__gt', Decimal('-1E+20')), ('realised_pnl__lt', Decimal('1E+20')), ('realised_pnl__min_scale__lte', 18), ('fees__gt', Decimal('-1E+20')), ('fees__lt', Decimal('1E+20')), ('fees__min_scale__lte', 18)), name='position_amounts_fit'), models.CheckConstraint(condition=models.Q(models.Q(('cost', 0), ('lots__isnull', True), ('quantity', 0)), models.Q(('cost__gte', 0), ('quantity__gt', 0)), models.Q(('cost__lte', 0), ('quantity__lt', 0)), _connector='OR'), name='flat_position_costs_nothing'), models.CheckConstraint(condition=models.Q(('last_offset__gt', 0), ('version__gt', 0)), name='position_stems_from_the_log')],
            },
        ),
        migrations.CreateModel(
            name='PositionChange',
            fields=[
                ('pk', models.CompositePrimaryKey('partition', 'offset', blank=True, editable=False, primary_key=True, serialize=False)),
                ('partition', models.SmallIntegerField()),
                ('offset', models.BigIntegerField()),
                ('trade_id', models.UUIDField()),
                ('version', models.BigIntegerField()),
                ('quantity', apps.trading.models.fields.AmountField(help_text='After the trade, like the rest.')),
                ('cost', apps.trading.models.fields.AmountField()),
                ('realised_pnl', apps.trading.models.fields.AmountField()),
                ('fees', apps.trading.models.fields.AmountField()),
                ('effective_at', models.DateTimeField(help_text='When it was dealt (UTC).')),
                ('booked_at', models.DateTimeField(help_text='When we knew of it (UTC).')),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trading.clientaccount')),
                ('instrument', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trading.instrument')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'instrument', 'version'), name='position_version_is_made_once'), models.CheckConstraint(condition=models.Q(('quantity__gt', Decimal('-1E+20')), ('quantity__lt', Decimal('1E+20')), ('quantity__min_scale__lte', 18), ('cost__gt', Decimal('-1E+20')), ('cost__lt', Decimal('1E+20')), ('cost__min_scale__lte', 18), ('realised_pnl__gt', Decimal('-1E+20')), ('realised_pnl__lt', Decimal('1E+20')), ('realised_pnl__min_scale__lte', 18), ('fees__gt', Decimal('-1E+20')), ('fees__lt', Decimal('1E+20')), ('fees__min_scale__lte', 18)), name='position_change_amounts_fit')],
            },
        ),
        migrations.CreateModel(
            name='RejectedTrade',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('client', models.TextField(help_text='Who sent it.')),
                ('account', models.TextField(help_text='As it was sent.')),
                ('instrument', models.TextField(help_text='As it was sent.')),
                ('side', models.TextField()),
                ('quantity', models.TextField()),
                ('price', models.TextField()),
                ('status', models.SmallIntegerField(help_text='422: a rule refuses it. 409: booked otherwise.')),
                ('reasons', models.JSONField(help_text='[{field, code, detail}]')),
                ('request', models.JSONField(help_text='The request in canonical form.')),
                ('rejected_at', models.DateTimeField()),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(fields=['tenant', 'id'], name='rejections_of_tenant')],
                'constraints': [models.CheckConstraint(condition=models.Q(('status__in', (409, 422))), name='rejection_status_is_known')],
            },
        ),
        migrations.CreateModel(
            name='Trade',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('version_no', models.SmallIntegerField()),
                ('side', models.CharField(choices=[('buy', 'Buy'), ('sell', 'Sell')], max_length=4)),
                ('quantity', apps.trading.models.fields.AmountField()),
                ('price', apps.trading.models.fields.AmountField()),
                ('notional', apps.trading.models.fields.AmountField(help_text='In `currency`, rounded to its booking scale.')),
                ('currency', models.TextField()),
                ('fees', models.JSONField(help_text='[{kind, amount, currency}]; positive: the client pays.')),
                ('state', models.CharField(choices=[('executed', 'Executed')], max_length=9)),
                ('trade_date', models.DateField()),
                ('settles_on', models.DateField(null=True)),
                ('executed_at', models.DateTimeField(help_text='When it was dealt (UTC).')),
                ('booked_at', models.DateTimeField(help_text='When we knew of it (UTC).')),
                ('source', models.TextField(help_text='Who numbers the external ids: api, file:<symbol>, …')),
                ('external_id', models.TextField(null=True)),
                ('counterparty', models.TextField(null=True)),
                ('account', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trading.clientaccount')),
                ('instrument', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='trading.instrument')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(fields=['tenant', 'id'], name='trades_of_tenant'), models.Index(fields=['account', 'id'], name='trades_of_account'), models.Index(fields=['instrument', 'id'], name='trades_of_instrument')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('external_id__isnull', False)), fields=('tenant', 'source', 'external_id'), name='trade_is_booked_once_per_source'), models.CheckConstraint(condition=models.Q(('quantity__gt', Decimal('0')), ('quantity__lt', Decimal('1E+20')), ('quantity__min_scale__lte', 18), ('price__gt', Decimal('0')), ('price__lt', Decimal('1E+20')), ('price__min_scale__lte', 18), ('notional__gt', Decimal('0')), ('notional__lt', Decimal('1E+20')), ('notional__min_scale__lte', 18)), name='trade_amounts_are_positive'), models.CheckConstraint(condition=models.Q(('side__in', ['buy', 'sell'])), name='trade_side_is_known'), models.CheckConstraint(condition=models.Q(('state__in', ['executed'])), name='trade_state_is_known')],
            },
        ),
    ]
