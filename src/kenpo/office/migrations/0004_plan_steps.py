from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('office', '0003_api'),
    ]

    operations = [
        migrations.CreateModel(
            name='PlanStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('branch', models.CharField(max_length=2)),
                ('plan', models.CharField(max_length=16)),
                ('period', models.CharField(max_length=6)),
                ('step', models.CharField(max_length=12)),
                ('mark', models.CharField(max_length=64)),
                ('note', models.TextField(blank=True)),
                ('by', models.CharField(max_length=40)),
                ('at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'db_table': 'office_plan_step',
                'indexes': [models.Index(fields=['branch', 'plan', 'period', 'id'], name='plan_step_report')],
            },
        ),
    ]
