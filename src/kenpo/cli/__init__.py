"""cli: one verb per job (コマンド)."""
