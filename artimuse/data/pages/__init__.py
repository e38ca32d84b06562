"""What the pages of this project share: one file each, that needs nothing else and holds no script.

    document("Data report: quickstart", header, card, card, style=MORE)

`html` escapes whatever comes from the data; `shell` is the page around its cards, `style` its look; `charts`
draws, `thumbnails` puts small pictures into the page.
"""
