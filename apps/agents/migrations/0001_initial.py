"""Tables of agents, work, policies and hours."""

import apps.agents.models.policy
import apps.core.ids
from apps.core.new_tables import Steps
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(Steps):

    initial = True

    dependencies = [
        ('tenants', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='DriftCheck',
            fields=[
                ('tenant', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='tenants.tenant')),
                ('checked_at', models.DateTimeField()),
                ('compared', models.IntegerField()),
                ('drifted', models.IntegerField()),
                ('drifted_total', models.BigIntegerField(db_default=0, default=0)),
                ('rebuilds_total', models.BigIntegerField(db_default=0, default=0)),
                ('details', models.JSONField(default=list)),
            ],
        ),
        migrations.CreateModel(
            name='Schedule',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.TextField()),
                ('zone', models.TextField(help_text='An IANA zone, such as Europe/Berlin.')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='schedule_name_is_unique')],
            },
        ),
        migrations.CreateModel(
            name='Agent',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.TextField()),
                ('languages', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), blank=True, default=list, help_text='None named: speaks them all.', size=None)),
                ('capacity', models.SmallIntegerField(help_text='Conversations at once.')),
                ('weight', models.SmallIntegerField(db_default=1, default=1, help_text='Share in the rotation.')),
                ('auto_accept', models.BooleanField(blank=True, help_text='Unknown: as the policy says.', null=True)),
                ('status', models.CharField(choices=[('online', 'Online'), ('busy', 'Busy'), ('away', 'Away'), ('wrap_up', 'Wrap Up'), ('offline', 'Offline')], db_default='offline', default='offline', max_length=8)),
                ('status_reason', models.TextField(blank=True, db_default='', default='')),
                ('status_since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('load', models.IntegerField(db_default=0, default=0, editable=False)),
                ('response_ms', models.IntegerField(blank=True, editable=False, help_text='Smoothed time to a first response.', null=True)),
                ('matched_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('warm_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('missed', models.SmallIntegerField(db_default=0, default=0, editable=False, help_text='Offers in a row that ran out.')),
                ('lease_until', models.DateTimeField(blank=True, editable=False, help_text='Signed in over HTTP without a socket: counts as present until then.', null=True)),
                ('version', models.BigIntegerField(db_default=1, default=1, editable=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('schedule', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.schedule')),
            ],
        ),
        migrations.CreateModel(
            name='ScheduleException',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('opens', models.TimeField(blank=True, null=True)),
                ('closes', models.TimeField(blank=True, null=True)),
                ('schedule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='exceptions', to='agents.schedule')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('closes', None), ('opens', None)), models.Q(('closes__isnull', False), ('opens__isnull', False)), _connector='OR'), name='exception_has_both_times_or_none'), models.UniqueConstraint(fields=('schedule', 'day', 'opens'), name='exception_opens_once_at_a_time')],
            },
        ),
        migrations.CreateModel(
            name='ScheduleHours',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('weekday', models.SmallIntegerField(help_text='0 is Monday.')),
                ('opens', models.TimeField()),
                ('closes', models.TimeField()),
                ('schedule', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='hours', to='agents.schedule')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('weekday__range', (0, 6))), name='weekday_is_of_a_week'), models.UniqueConstraint(fields=('schedule', 'weekday', 'opens'), name='hours_open_once_at_a_time')],
            },
        ),
        migrations.CreateModel(
            name='StatusChange',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('status', models.CharField(choices=[('online', 'Online'), ('busy', 'Busy'), ('away', 'Away'), ('wrap_up', 'Wrap Up'), ('offline', 'Offline')], max_length=8)),
                ('reason', models.TextField(db_default='', default='')),
                ('by', models.TextField(db_default='', default='', help_text='Who changed it; empty: the system.')),
                ('since', models.DateTimeField()),
                ('until', models.DateTimeField(blank=True, null=True)),
                ('agent', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='history', to='agents.agent')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(fields=['tenant', 'since'], name='statuses_of_a_time')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('until', None)), fields=('agent',), name='agent_is_in_one_status'), models.CheckConstraint(condition=models.Q(('until', None), ('until__gte', models.F('since')), _connector='OR'), name='status_ends_after_it_began'), models.CheckConstraint(condition=models.Q(('status__in', ['online', 'busy', 'away', 'wrap_up', 'offline'])), name='past_status_is_known')],
            },
        ),
        migrations.CreateModel(
            name='Team',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.TextField()),
                ('schedule', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.schedule')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'name'), name='team_name_is_unique')],
            },
        ),
        migrations.CreateModel(
            name='RoutingPolicy',
            fields=[
                ('tenant', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='tenants.tenant')),
                ('strategy', models.CharField(choices=[('least_load', 'Least Load'), ('weighted_round_robin', 'Round Robin'), ('best_skill', 'Best Skill'), ('performance', 'Performance')], default='least_load', max_length=20)),
                ('relax', models.JSONField(default=apps.agents.models.policy.usual_steps, help_text='Steps: after so many seconds, so many levels less; 5 asks for no skill at all.')),
                ('priority_step', models.IntegerField(default=60, help_text='What one step of priority is worth, in seconds of waiting.')),
                ('target_wait', models.IntegerField(default=60, help_text='An agent should have it by then.')),
                ('target_response', models.IntegerField(default=60, help_text='And have answered by then.')),
                ('offer_time', models.IntegerField(default=30)),
                ('auto_accept', models.BooleanField(default=False)),
                ('decline_pause', models.IntegerField(default=60, help_text='Who declined is not asked again for so long.')),
                ('missed_max', models.SmallIntegerField(default=3, help_text='After so many offers in a row that ran out: away.')),
                ('sticky_time', models.IntegerField(default=30, help_text='How long work waits for the agent who knows the customer.')),
                ('grace', models.IntegerField(default=30, help_text='Between a lost connection and offline.')),
                ('channel_costs', models.JSONField(default=dict, help_text='Channel: thousandths of a conversation; 1000 where not named.')),
                ('inactive_after', models.IntegerField(default=240)),
                ('inactive_weight', models.SmallIntegerField(default=1000, help_text='Thousandths of its weight that silent or held work still has.')),
                ('wrap_up', models.IntegerField(default=0)),
                ('warm_up', models.IntegerField(default=0, help_text='So long after coming online, work comes only at intervals.')),
                ('warm_up_interval', models.IntegerField(default=90)),
                ('out_of_hours', models.CharField(choices=[('wait', 'Wait'), ('tell', 'Tell')], default='tell', max_length=4)),
                ('long_wait', models.IntegerField(blank=True, null=True)),
                ('long_queue', models.IntegerField(blank=True, null=True)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('schedule', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='agents.schedule')),
                ('overflow_team', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='agents.team')),
            ],
            options={
                'verbose_name_plural': 'routing policies',
                'constraints': [models.CheckConstraint(condition=models.Q(('strategy__in', ['least_load', 'weighted_round_robin', 'best_skill', 'performance'])), name='strategy_is_known'), models.CheckConstraint(condition=models.Q(('out_of_hours__in', ['wait', 'tell'])), name='out_of_hours_is_known'), models.CheckConstraint(condition=models.Q(('offer_time__range', (1, 3600)), ('grace__range', (0, 3600)), ('wrap_up__range', (0, 3600)), ('warm_up__range', (0, 86400)), ('warm_up_interval__range', (1, 3600)), ('decline_pause__range', (0, 86400)), ('sticky_time__range', (0, 86400)), ('priority_step__range', (0, 3600)), ('target_wait__range', (1, 86400)), ('target_response__range', (1, 86400)), ('inactive_after__range', (10, 86400))), name='policy_times_are_in_range'), models.CheckConstraint(condition=models.Q(('inactive_weight__range', (0, 1000))), name='inactive_weight_is_a_share'), models.CheckConstraint(condition=models.Q(('missed_max__range', (1, 100))), name='missed_max_is_in_range')],
            },
        ),
        migrations.AddField(
            model_name='agent',
            name='team',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='agents', to='agents.team'),
        ),
        migrations.CreateModel(
            name='Work',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('work_id', models.UUIDField()),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('offered', 'Offered'), ('assigned', 'Assigned'), ('wrap_up', 'Wrap Up'), ('done', 'Done')], default='waiting', max_length=8)),
                ('channel', models.TextField()),
                ('language', models.TextField(db_default='', default='')),
                ('skills', models.JSONField(default=dict, help_text='Name: level 1 to 5.')),
                ('priority', models.SmallIntegerField(default=0)),
                ('queued_at', models.DateTimeField()),
                ('order_at', models.DateTimeField()),
                ('deadline', models.DateTimeField(null=True)),
                ('weight', models.IntegerField(help_text='Thousandths of one conversation.')),
                ('on_hold', models.BooleanField(db_default=False, default=False)),
                ('fallback_at', models.DateTimeField(help_text='From then on not only that team or agent.', null=True)),
                ('declined', models.JSONField(default=dict, help_text='Agent: not before (ms since 1970).')),
                ('overflowed', models.JSONField(default=list, help_text='Rules that were told.')),
                ('fence', models.BigIntegerField(db_default=0, default=0)),
                ('matched_at', models.DateTimeField(help_text='When an agent first had it.', null=True)),
                ('customer_since', models.DateTimeField(help_text='Since when the customer waits for a word of the agent.', null=True)),
                ('active_at', models.DateTimeField(help_text='The newest message of either side.', null=True)),
                ('first_response_ms', models.BigIntegerField(null=True)),
                ('responses', models.IntegerField(db_default=0, default=0)),
                ('response_ms', models.BigIntegerField(db_default=0, default=0, help_text='Sum of all responses.')),
                ('done_at', models.DateTimeField(null=True)),
                ('outcome', models.CharField(blank=True, choices=[('completed', 'Completed'), ('declined', 'Declined'), ('timed_out', 'Timed Out'), ('transferred', 'Transferred'), ('returned', 'Returned'), ('withdrawn', 'Withdrawn'), ('taken_over', 'Taken Over'), ('abandoned', 'Abandoned')], db_default='', default='', max_length=11)),
                ('version', models.BigIntegerField(db_default=1, default=1)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('agent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.agent')),
                ('sticky_agent', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.agent')),
                ('team', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.team')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['tenant', 'order_at', 'id'], name='work_that_waits'), models.Index(fields=['tenant', 'queued_at'], name='work_of_a_time')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'done'), _negated=True), fields=('tenant', 'work_id'), name='work_is_live_once'), models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'offered', 'assigned', 'wrap_up', 'done'])), name='work_state_is_known'), models.CheckConstraint(condition=models.Q(('priority__range', (0, 100))), name='work_priority_is_in_range'), models.CheckConstraint(condition=models.Q(('weight__range', (0, 100000))), name='work_weight_is_in_range'), models.CheckConstraint(condition=models.Q(models.Q(('done_at__isnull', False), ('state', 'done')), models.Q(models.Q(('state', 'done'), _negated=True), ('done_at', None)), _connector='OR'), name='work_is_done_at_a_time')],
            },
        ),
        migrations.CreateModel(
            name='Assignment',
            fields=[
                ('id', models.UUIDField(default=apps.core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('offered', 'Offered'), ('active', 'Active'), ('wrap_up', 'Wrap Up'), ('ended', 'Ended')], max_length=7)),
                ('how', models.CharField(blank=True, choices=[('accepted', 'Accepted'), ('auto', 'Auto'), ('assigned', 'Assigned'), ('taken_over', 'Taken Over')], db_default='', default='', max_length=10)),
                ('fence', models.BigIntegerField()),
                ('weight', models.IntegerField()),
                ('offered_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField(null=True)),
                ('accepted_at', models.DateTimeField(null=True)),
                ('first_response_ms', models.BigIntegerField(null=True)),
                ('wrap_up_at', models.DateTimeField(null=True)),
                ('wrap_up_until', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('outcome', models.CharField(blank=True, choices=[('completed', 'Completed'), ('declined', 'Declined'), ('timed_out', 'Timed Out'), ('transferred', 'Transferred'), ('returned', 'Returned'), ('withdrawn', 'Withdrawn'), ('taken_over', 'Taken Over'), ('abandoned', 'Abandoned')], db_default='', default='', max_length=11)),
                ('reason', models.TextField(db_default='', default='')),
                ('agent', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='agents.agent')),
                ('tenant', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.tenant')),
                ('work', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to='agents.work')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'ended'), _negated=True), fields=['agent'], name='assignments_in_hand'), models.Index(condition=models.Q(('state', 'offered')), fields=['tenant', 'expires_at'], name='offers_that_run_out'), models.Index(fields=['tenant', 'offered_at'], name='assignments_of_a_time')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'ended'), _negated=True), fields=('work',), name='work_has_one_agent'), models.UniqueConstraint(fields=('work', 'fence'), name='fence_is_used_once'), models.CheckConstraint(condition=models.Q(('state__in', ['offered', 'active', 'wrap_up', 'ended'])), name='assignment_state_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', False), ('state', 'ended')), models.Q(models.Q(('state', 'ended'), _negated=True), ('ended_at', None)), _connector='OR'), name='assignment_ends_at_a_time'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'offered'), _negated=True), ('expires_at__isnull', False), _connector='OR'), name='offer_runs_out'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['active', 'wrap_up']), _negated=True), ('accepted_at__isnull', False), _connector='OR'), name='taken_work_was_accepted')],
            },
        ),
        migrations.CreateModel(
            name='AgentSkill',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('skill', models.TextField()),
                ('level', models.SmallIntegerField(default=3)),
                ('agent', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='skills', to='agents.agent')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('agent', 'skill'), name='skill_has_one_level'), models.CheckConstraint(condition=models.Q(('level__range', (1, 5))), name='skill_level_is_1_to_5')],
            },
        ),
        migrations.AddIndex(
            model_name='agent',
            index=models.Index(condition=models.Q(('status', 'offline'), _negated=True), fields=['tenant'], name='agents_who_are_in'),
        ),
        migrations.AddConstraint(
            model_name='agent',
            constraint=models.UniqueConstraint(fields=('tenant', 'user'), name='agent_is_one_person'),
        ),
        migrations.AddConstraint(
            model_name='agent',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['online', 'busy', 'away', 'wrap_up', 'offline'])), name='agent_status_is_known'),
        ),
        migrations.AddConstraint(
            model_name='agent',
            constraint=models.CheckConstraint(condition=models.Q(('capacity__range', (1, 100))), name='agent_capacity_is_in_range'),
        ),
        migrations.AddConstraint(
            model_name='agent',
            constraint=models.CheckConstraint(condition=models.Q(('weight__range', (1, 100))), name='agent_weight_is_in_range'),
        ),
        migrations.AddConstraint(
            model_name='agent',
            constraint=models.CheckConstraint(condition=models.Q(('load__gte', 0)), name='agent_load_is_not_negative'),
        ),
    ]
