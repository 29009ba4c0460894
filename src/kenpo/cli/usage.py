"""Usage errors and help headings of the command line in Japanese."""

from __future__ import annotations

import re
from typing import Any

import typer.rich_utils

_HELP = "使い方は「kenpo --help」「kenpo コマンド --help」で見られます。"

# What the parser says of a bad value → how kenpo says it.
_VALUES = (
    (re.compile(r"'(.*)' is not one of (.+?)\.?$"), "「{0}」は使えません。使える値：{1}"),
    (re.compile(r"greater than or equal to (\d+)"), "{0}以上の数を指定してください"),
    (re.compile(r"valid integer|not a valid int"), "整数を指定してください"),
)


def japanese_headings() -> None:
    """Put the headings of help pages into Japanese."""
    look = typer.rich_utils
    look.ARGUMENTS_PANEL_TITLE = "引数"
    look.OPTIONS_PANEL_TITLE = "指定"
    look.COMMANDS_PANEL_TITLE = "コマンド"
    look.ERRORS_PANEL_TITLE = "エラー"
    look.DEFAULT_STRING = "［既定：{}］"
    look.ENVVAR_STRING = "［環境変数：{}］"
    look.REQUIRED_LONG_STRING = "［必須］"
    look.ABORTED_TEXT = "中止しました。"


def in_japanese(command: Any) -> Any:
    """The command with the text of --help in Japanese, its own and its subcommands'."""
    for one in (command, *getattr(command, "commands", {}).values()):
        option = one.get_help_option(one.make_context(one.name or "kenpo", [], resilient_parsing=True))
        if option is not None:
            option.help = "この説明を表示して終わる"
    return command


def explain(error: Exception) -> str | None:
    """The Japanese text for an error of the command-line parser; None for any other error.

    Empty when the help has been shown and there is nothing to add.
    """
    kind = type(error).__name__
    if not hasattr(error, "format_message"):
        return None
    if kind == "NoArgsIsHelpError":
        return ""
    if kind == "NoSuchOption":
        near = "、".join(getattr(error, "possibilities", None) or [])
        hint = f"もしかして：{near}\n" if near else ""
        return f"「{getattr(error, 'option_name', '')}」という指定はありません。\n{hint}{_HELP}"
    if kind == "MissingParameter":
        return f"「{_name(getattr(error, 'param', None))}」を指定してください。\n{_HELP}"
    if kind in ("BadParameter", "BadOptionUsage", "BadArgumentUsage"):
        said = _value(str(getattr(error, "message", error)))
        return f"「{_name(getattr(error, 'param', None))}」の値が正しくありません（{said}）。\n{_HELP}"
    if kind == "FileError":
        return f"ファイルを開けません（{error}）。"
    if "No such command" in str(error):
        return f"そのコマンドはありません（{str(error).split(chr(39))[1]}）。\n{_HELP}"
    return f"指定の書き方が正しくありません（{error}）。\n{_HELP}"


def _value(message: str) -> str:
    for pattern, text in _VALUES:
        if found := pattern.search(message):
            return text.format(*found.groups())
    return message


def _name(param: object | None) -> str:
    if param is None:
        return "指定"
    options = getattr(param, "opts", None) or []
    if getattr(param, "param_type_name", "") == "option" and options:
        return str(options[0])
    return str(getattr(param, "metavar", None) or getattr(param, "name", "引数"))
