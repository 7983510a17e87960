"""Schedules of reports, and the files that were made of them."""

import apps.core.ids
import apps.reports.periods
from apps.core.new_tables import Steps
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(Steps):

    initial = True

    dependencies = [
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Schedule',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.TextField()),
                ('report', models.TextField(help_text='Its name.')),
                ('parameters', models.JSONField(help_text="{name: text}; the period's own times are filled in.")),
                ('every', models.CharField(choices=[('day', 'day'), ('hour', 'hour')], max_length=4)),
                ('zone', models.TextField(help_text='An IANA zone, such as Europe/Berlin: whose days they are.')),
                ('at', models.TimeField(help_text='Of days: when the file is made on the day after, there.')),
                ('keep_days', models.PositiveIntegerField(help_text='How long a file is kept.')),
                ('state', models.CharField(choices=[('active', 'Active'), ('paused', 'Paused')], db_default='active', default='active', max_length=6)),
                ('since', models.DateTimeField(help_text='The first period is the one that lies around it.')),
                ('next_at', models.DateTimeField(help_text='When the clock looks at it again (UTC).')),
                ('created_by', models.TextField(help_text='Who asked for it: `key:<id>` or `user:<id>`.')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [
                    models.Index(condition=models.Q(('state', 'active')), fields=['next_at'], name='report_schedules_next'),
                ],
                'constraints': [
                    models.UniqueConstraint(fields=('tenant', 'name'), name='report_schedule_is_unique'),
                    models.CheckConstraint(condition=models.Q(('every__in', [apps.reports.periods.Every['DAY'], apps.reports.periods.Every['HOUR']])), name='report_schedule_every_is_known'),
                    models.CheckConstraint(condition=models.Q(('state__in', ['active', 'paused'])), name='report_schedule_state_is_known'),
                    models.CheckConstraint(condition=models.Q(('keep_days__range', (1, 3700))), name='report_schedule_keeps_for_a_time'),
                    models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='report_schedule_has_a_name'),
                ],
            },
        ),
        migrations.CreateModel(
            name='ReportFile',
            fields=[
                ('id', models.UUIDField(primary_key=True, serialize=False)),
                ('report', models.TextField()),
                ('parameters', models.JSONField(help_text='As it was asked: the same gives the same again.')),
                ('period_start', models.DateTimeField()),
                ('period_end', models.DateTimeField(help_text='Exclusive.')),
                ('state', models.CharField(choices=[('making', 'Making'), ('ready', 'Ready'), ('failed', 'Failed'), ('expired', 'expired (kept as long as its schedule says)')], max_length=7)),
                ('claim', models.UUIDField(help_text='Of whoever makes it; a later one takes the work away.')),
                ('claimed_at', models.DateTimeField()),
                ('attempts', models.SmallIntegerField()),
                ('retry_at', models.DateTimeField(help_text='When it is tried again.', null=True)),
                ('error', models.TextField(blank=True, default='')),
                ('rows', models.BigIntegerField(default=0)),
                ('size', models.BigIntegerField(default=0, help_text='Bytes, not compressed.')),
                ('parts', models.IntegerField(default=0)),
                ('sha256', models.CharField(default='', help_text='Of the bytes, in hex.', max_length=64)),
                ('made_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField(null=True)),
                ('schedule', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='files', to='reports.schedule')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [
                    models.Index(fields=['tenant', 'id'], name='report_files_of_tenant'),
                    models.Index(condition=models.Q(('state', 'ready')), fields=['expires_at'], name='report_files_expire'),
                    models.Index(condition=models.Q(('state__in', ['making', 'failed'])), fields=['state'], name='report_files_undone'),
                ],
                'constraints': [
                    models.UniqueConstraint(fields=('schedule', 'period_start'), name='report_file_is_made_once_a_period'),
                    models.CheckConstraint(condition=models.Q(('state__in', ['making', 'ready', 'failed', 'expired'])), name='report_file_state_is_known'),
                    models.CheckConstraint(condition=models.Q(('period_end__gt', models.F('period_start'))), name='report_period_is_not_empty'),
                    models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['ready', 'expired']), _negated=True), models.Q(('expires_at__isnull', False), ('made_at__isnull', False), models.Q(('sha256', ''), _negated=True)), _connector='OR'), name='report_file_has_a_checksum'),
                    models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('error', ''), _negated=True), _connector='OR'), name='failed_report_file_says_why'),
                ],
            },
        ),
        migrations.CreateModel(
            name='FilePart',
            fields=[
                ('pk', models.CompositePrimaryKey('file_id', 'number', blank=True, editable=False, primary_key=True, serialize=False)),
                ('number', models.IntegerField()),
                ('content', models.BinaryField()),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
                ('file', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='reports.reportfile')),
            ],
        ),
    ]
