"""plan (事業計画): the action plan, the annual plan, its progress and its KPIs; judged, forecast, read and written.

What a plan is: model, store (its files), vocabulary (every KPI's names and measure; the data is in vocabulary.yaml).
Targets: targets (kinds and levels), targeting (from words), judging (marks), path (month by month), forecast (landing).
Figures: history (of past years), filling (from the lake), board (one branch), rollup (47 branches), health (what is
missing), freezing (what is kept as it was shown), revising (a target is changed).
Reading documents: reading/ (one document), outline (its headings), sentences (its KPIs), wording (targets in words),
results (actuals in words), amounts (every number a text names), listing (a reading as data).
Writing documents: pages (the plan), report (the progress report), sections (their headings); record_rows and records
write what the pages leave out, record_reading and supplement bring it back.
"""
