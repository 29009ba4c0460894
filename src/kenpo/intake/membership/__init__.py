"""Membership files (資格のファイル): workplaces, members, enrolments, remunerations, bonuses and cards into the lake.

`files` says what a file is, `rules` what is wrong with a row, `rows` makes the stored rows of one block.
"""
