"""A page in the browser, and its HTTP API: `python scripts/demo.py --model M`. Needs the extra `demo`.

    from gradio_client import Client, handle_file
    page = Client("http://127.0.0.1:7860")
    page.predict(handle_file("a.jpg"), api_name="/score")               # {"image": "a.jpg", "score": 61.3, ...}
    page.predict([handle_file("a.jpg"), handle_file("b.jpg")], api_name="/rank")     # {"order": [1, 0], ...}
    page.predict(handle_file("a.jpg"), "Is the light soft?", api_name="/ask")        # "The light is soft."

`blocks` is what the page is made of, `server` opens it; `judge` asks the model and `turns` has it asked one
thing at a time; `uploads` keeps what was sent no longer than it is used; `meaning` says what the numbers are,
`drawing` and `style` how they look; `examples` draws images of the demo data.
"""
