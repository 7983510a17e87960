"""Webhooks: endpoints, how far each has read, deliveries."""

import apps.core.ids
import apps.tenants.sealing
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
            name='Endpoint',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('url', models.CharField(max_length=2000)),
                ('description', models.CharField(blank=True, max_length=200)),
                ('patterns', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), help_text='Names of events, beginnings of names with .* at the end, or *.', size=None)),
                ('secret', apps.tenants.sealing.SealedTextField(editable=False)),
                ('former_secret', apps.tenants.sealing.SealedTextField(blank=True, editable=False, help_text='Signs beside the new one until it is let go.')),
                ('state', models.CharField(choices=[('active', 'Active'), ('paused', 'paused (by a person; reads on from here when it goes on)'), ('gone', 'gone (answered 410: nobody listens there any more)')], default='active', max_length=10)),
                ('failures', models.PositiveIntegerField(default=0, editable=False, help_text='Calls that failed since the last that did not.')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('last_delivered_at', models.DateTimeField(editable=False, null=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['active', 'paused', 'gone'])), name='endpoint_state_is_known'), models.CheckConstraint(condition=models.Q(('patterns__len__range', (1, 50))), name='endpoint_has_patterns')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('event', models.UUIDField(help_text="The event's id, and the webhook-id that is sent.")),
                ('topic', models.CharField(max_length=40)),
                ('partition', models.SmallIntegerField()),
                ('offset', models.BigIntegerField()),
                ('name', models.CharField(max_length=100)),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('delivered', 'Delivered'), ('dead', 'dead (given up after the last try; can be sent again)')], db_default='pending', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(db_default=0)),
                ('next_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='When it is tried (again).')),
                ('status', models.PositiveSmallIntegerField(help_text="The last answer's status.", null=True)),
                ('error', models.CharField(blank=True, db_default='', max_length=300)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(null=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
                ('endpoint', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='webhooks.endpoint')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'indexes': [models.Index(models.F('endpoint'), models.F('next_at'), condition=models.Q(('state', 'pending')), name='delivery_is_due'), models.Index(models.F('ended_at'), name='delivery_ended')],
                'constraints': [models.UniqueConstraint(fields=('endpoint', 'event'), name='event_is_delivered_once'), models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'delivered', 'dead'])), name='delivery_state_is_known'), models.CheckConstraint(condition=models.Q(('state', 'pending'), ('ended_at__isnull', False), _connector='XOR'), name='delivery_has_an_end')],
            },
        ),
        migrations.CreateModel(
            name='Cursor',
            fields=[
                ('pk', models.CompositePrimaryKey('endpoint_id', 'topic', 'partition', blank=True, editable=False, primary_key=True, serialize=False)),
                ('topic', models.CharField(max_length=40)),
                ('partition', models.SmallIntegerField()),
                ('offset', models.BigIntegerField()),
                ('endpoint', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='cursors', to='webhooks.endpoint')),
            ],
        ),
    ]
