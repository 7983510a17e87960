"""A tenant's own closed and opened days, cycles and cut-offs."""


import apps.core.ids
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
            name='CalendarException',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('calendar', models.TextField(help_text='Code of a settlement calendar, such as US or TARGET.')),
                ('day', models.DateField()),
                ('is_open', models.BooleanField(help_text='Opened out of turn; otherwise closed.')),
                ('reason', models.TextField()),
                ('decided_by', models.TextField()),
                ('decided_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('withdrawn_by', models.TextField(blank=True, default='')),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('tenant', 'calendar', 'day'), name='calendar_day_is_decided_once'), models.CheckConstraint(condition=models.Q(models.Q(('reason', ''), _negated=True), models.Q(('decided_by', ''), _negated=True)), name='calendar_exception_has_a_reason'), models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at', None), ('withdrawn_by', '')), models.Q(('withdrawn_at__isnull', False), models.Q(('withdrawn_by', ''), _negated=True)), _connector='OR'), name='calendar_withdrawal_has_a_name')],
            },
        ),
        migrations.CreateModel(
            name='MarketRule',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('calendar', models.TextField()),
                ('asset_class', models.TextField(choices=[('security', 'security'), ('listed option', 'listed option'), ('fx', 'fx')])),
                ('effective_from', models.DateField()),
                ('settlement_days', models.SmallIntegerField(blank=True, null=True)),
                ('cutoff', models.TimeField(blank=True, help_text="On the market's own clock.", null=True)),
                ('reason', models.TextField()),
                ('decided_by', models.TextField()),
                ('decided_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'calendar', 'asset_class', 'effective_from'), name='market_rule_is_set_once_a_day'), models.CheckConstraint(condition=models.Q(('asset_class__in', ['security', 'listed option', 'fx'])), name='market_rule_asset_class_is_known'), models.CheckConstraint(condition=models.Q(('settlement_days', None), ('settlement_days__range', (0, 30)), _connector='OR'), name='market_rule_days_are_sane'), models.CheckConstraint(condition=models.Q(('settlement_days__isnull', False), ('cutoff__isnull', False), _connector='OR'), name='market_rule_says_something'), models.CheckConstraint(condition=models.Q(models.Q(('reason', ''), _negated=True), models.Q(('decided_by', ''), _negated=True)), name='market_rule_has_a_reason')],
            },
        ),
    ]
