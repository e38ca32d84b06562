"""The evaluation report as a page: one file that needs nothing else, and no script.

Each module is a card, or draws one kind of picture. `artimuse.data.pages` has what all pages share.
"""
