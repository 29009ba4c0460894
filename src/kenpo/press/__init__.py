"""press (印刷): writes a neutral Document as docx, xlsx, pptx, pdf and html, and draws its charts.

`write` takes the form from the ending of the file's name; `charts` builds the charts a report has. The same Document
always gives the same bytes.
"""

from kenpo.press.writing import FORMATS, write

__all__ = ["FORMATS", "write"]
