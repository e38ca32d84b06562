"""Ranked series as a page that one looks at: one HTML file with its pictures in it, without a script.

check_sheet(Path("bursts.html"))
write_sheet(Path("bursts.html"), read_shots(output), sheet)
"""

from artimuse.inference.contact_sheet.page import check_sheet, write_sheet

__all__ = ["check_sheet", "write_sheet"]
