"""The tables of the log."""

import django.db.models.functions.datetime
from apps.core.new_tables import NewTables
from django.db import migrations, models


class Migration(NewTables):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='JobRun',
            fields=[
                ('pk', models.CompositePrimaryKey('job', 'period', blank=True, editable=False, primary_key=True, serialize=False)),
                ('job', models.TextField()),
                ('period', models.DateTimeField(help_text='Start of the period, UTC.')),
                ('claimed_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('error', models.TextField(db_default='')),
            ],
        ),
        migrations.CreateModel(
            name='ParkedEvent',
            fields=[
                ('pk', models.CompositePrimaryKey('handler', 'topic', 'partition', 'offset', blank=True, editable=False, primary_key=True, serialize=False)),
                ('handler', models.TextField()),
                ('topic', models.TextField()),
                ('partition', models.SmallIntegerField()),
                ('offset', models.BigIntegerField()),
                ('key', models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name='Cursor',
            fields=[
                ('pk', models.CompositePrimaryKey('handler', 'topic', 'partition', blank=True, editable=False, primary_key=True, serialize=False)),
                ('handler', models.TextField()),
                ('topic', models.TextField()),
                ('partition', models.SmallIntegerField()),
                ('offset', models.BigIntegerField(db_default=0)),
                ('state', models.CharField(choices=[('running', 'Running'), ('stopped', 'Stopped')], db_default='running', max_length=10)),
                ('attempts', models.IntegerField(db_default=0, help_text='Tries begun and not ended; above 0 while idle: a worker died.')),
                ('suspect_until', models.BigIntegerField(db_default=0, help_text='Events up to here are taken one by one: one of them killed a worker.')),
                ('failures', models.IntegerField(db_default=0, help_text='Infrastructure errors in a row.')),
                ('retry_at', models.DateTimeField(null=True)),
                ('error', models.TextField(db_default='')),
                ('lease', models.UUIDField(help_text='Held by a calling handler while it works.', null=True)),
                ('leased_until', models.DateTimeField(null=True)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('events_total', models.BigIntegerField(db_default=0)),
                ('batches_total', models.BigIntegerField(db_default=0)),
                ('busy_seconds_total', models.FloatField(db_default=0.0)),
                ('rescues_total', models.BigIntegerField(db_default=0)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('offset__gte', 0)), name='cursor_is_in_the_log'), models.CheckConstraint(condition=models.Q(('state__in', ['running', 'stopped'])), name='cursor_state_is_known')],
            },
        ),
        migrations.CreateModel(
            name='ParkedKey',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('handler', models.TextField()),
                ('topic', models.TextField()),
                ('partition', models.SmallIntegerField()),
                ('key', models.TextField()),
                ('tenant_id', models.IntegerField()),
                ('first_offset', models.BigIntegerField()),
                ('policy', models.CharField(max_length=10)),
                ('attempts', models.IntegerField(db_default=1)),
                ('error', models.TextField()),
                ('trace', models.TextField(db_default='')),
                ('parked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('handler', 'topic', 'partition', 'key'), name='key_is_parked_once')],
            },
        ),
        migrations.CreateModel(
            name='Partition',
            fields=[
                ('pk', models.CompositePrimaryKey('topic', 'number', blank=True, editable=False, primary_key=True, serialize=False)),
                ('topic', models.TextField()),
                ('number', models.SmallIntegerField()),
                ('queue_shard', models.SmallIntegerField(help_text='The shard queue: <lane>.<queue_shard>.')),
                ('floor', models.BigIntegerField(db_default=0, help_text='Events up to here were archived.')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('queue_shard__range', (0, 63))), name='queue_shard_is_declared')],
            },
        ),
        migrations.CreateModel(
            name='StoredEvent',
            fields=[
                ('pk', models.CompositePrimaryKey('topic', 'partition', 'offset', blank=True, editable=False, primary_key=True, serialize=False)),
                ('topic', models.TextField()),
                ('partition', models.SmallIntegerField()),
                ('offset', models.BigIntegerField()),
                ('id', models.UUIDField()),
                ('tenant_id', models.IntegerField()),
                ('key', models.TextField()),
                ('name', models.TextField()),
                ('version', models.SmallIntegerField()),
                ('data', models.JSONField()),
                ('headers', models.JSONField()),
                ('occurred_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'events_event',
                'indexes': [models.Index(fields=['key', 'topic', 'offset'], name='event_history_of_key')],
            },
        ),
    ]
