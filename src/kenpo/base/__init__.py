"""base: dates and eras, business days, money, text, branches, errors. Imports nothing of kenpo."""
