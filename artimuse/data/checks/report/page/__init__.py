"""The report as a page: one file that needs nothing else, and no script.

    html = page(report, thumbnail)

A pure function of the report's JSON and of the small pictures. `html` escapes whatever comes from the data.
"""
