from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('office', '0004_plan_steps'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='auditrow',
            index=models.Index(fields=['branch', 'what', '-at'], name='audit_what'),
        ),
        migrations.AddIndex(
            model_name='openingrow',
            index=models.Index(fields=['opening', 'outcome', 'reason', 'place'], name='opening_reason'),
        ),
    ]
