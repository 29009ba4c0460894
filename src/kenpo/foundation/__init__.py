"""foundation: 基盤的保険者機能, one room per 施策."""
