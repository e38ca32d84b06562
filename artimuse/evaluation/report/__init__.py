"""Results as a person reads them: a page, a README's table, a paper's table.

    write_report(Path("results/ava"))        # report.html, report.md, report.tex

`published` rows stand beside the numbers; `breakdowns`, `orders` and `answers` take predictions apart; `seeds`
puts results together; `page` draws, `tables` and `markdown` write.
"""

from artimuse.evaluation.report.comparing import compare_page, markdown_comparison
from artimuse.evaluation.report.markdown import markdown_overview, markdown_report
from artimuse.evaluation.report.write import (
    REPORTS,
    latex_table,
    read_results,
    write_comparison,
    write_overview,
    write_report,
)

__all__ = [
    "REPORTS",
    "compare_page",
    "latex_table",
    "markdown_comparison",
    "markdown_overview",
    "markdown_report",
    "read_results",
    "write_comparison",
    "write_overview",
    "write_report",
]
