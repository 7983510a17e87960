"""Examples, words of a tenant's own, and trained models."""

import apps.core.ids
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from apps.core.new_tables import NewTables
from django.db import migrations, models


class Migration(NewTables):
    """Examples, words of a tenant's own, and trained models."""

    initial = True

    dependencies = [
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='EntityValue',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.SlugField()),
                ('value', models.CharField(max_length=200)),
                ('synonym', models.CharField(help_text='As people write it; case does not count.', max_length=200)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'kind', 'synonym'), name='synonym_means_one'), models.CheckConstraint(condition=models.Q(('synonym', ''), _negated=True), name='synonym_is_a_word')],
            },
        ),
        migrations.CreateModel(
            name='Example',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('intent', models.CharField(max_length=100)),
                ('text', models.CharField(max_length=2000)),
                ('language', models.CharField(default='en', max_length=12)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(fields=['tenant', 'intent'], name='examples_of_an_intent')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'language', 'text'), name='example_is_given_once'), models.CheckConstraint(condition=models.Q(('intent', ''), _negated=True), name='example_has_an_intent'), models.CheckConstraint(condition=models.Q(('text', ''), _negated=True), name='example_has_a_text')],
            },
        ),
        migrations.CreateModel(
            name='TrainedModel',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField(help_text='Counts up from 1 for each tenant.')),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('training', 'Training'), ('ready', 'Ready'), ('failed', 'Failed')], default='waiting', max_length=8)),
                ('in_use', models.BooleanField(default=False, help_text='Whether texts are read with it.')),
                ('progress', models.PositiveSmallIntegerField(default=0, help_text='Percent.')),
                ('note', models.TextField(blank=True, default='', help_text='What it is doing, or why it failed.')),
                ('requested_by', models.CharField(blank=True, default='', max_length=100)),
                ('requested_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('trained_at', models.DateTimeField(blank=True, null=True)),
                ('promoted_at', models.DateTimeField(blank=True, null=True)),
                ('promoted_by', models.CharField(blank=True, default='', max_length=100)),
                ('seconds', models.FloatField(blank=True, help_text='How long the training took.', null=True)),
                ('example_count', models.PositiveIntegerField(default=0)),
                ('intents', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=100), blank=True, default=list, size=None)),
                ('report', models.JSONField(blank=True, default=dict, help_text='Measured on examples that were kept aside.')),
                ('weights', models.BinaryField(null=True)),
                ('tenant', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'number'), name='model_has_a_number'), models.UniqueConstraint(condition=models.Q(('in_use', True)), fields=('tenant',), name='one_model_is_in_use'), models.CheckConstraint(condition=models.Q(('in_use', False), models.Q(('state', 'ready'), ('weights__isnull', False)), _connector='OR'), name='only_a_ready_model_is_in_use'), models.CheckConstraint(condition=models.Q(('progress__lte', 100)), name='progress_is_a_percentage')],
            },
        ),
    ]
