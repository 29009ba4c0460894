"""plan (事業計画): the action plan, the annual plan, its progress and its KPIs; judged, forecast, read and written."""
