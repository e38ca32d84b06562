"""A report on a recipe's data, for a person to read before anything is trained.

    pictures = look_at(sources, processes=8, progress=True)                 # decodes every image, once
    report = data_report(config, sources, pictures, reader, folder)         # numbers: plain JSON
    write_report(folder, report)                                            # data_report.json and .html

`pictures` is the one pass over the images. `counts`, `scores`, `pairs`, `tokens` and `samples` look at one
split of one source, `duplicates` and `overlap` at what images have in common, `refusals` and `findings` say
what a person should act on. `schema` documents every number; `page` shows them.
"""
