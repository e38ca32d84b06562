"""Scores from a server that computes plain transformers models: vLLM, SGLang, llama.cpp and their like.

    record     the exported model -> serving.json: prompt, words, values, and what a request asks for
    expectation    log-probabilities of words -> a score, and how far off it can be where words are missing
    loading    serving.json -> the record, checked
    client     an image -> a request -> a score
    images     an image -> the size at which the model sees it
    rows       many images -> the rows of a score file

A server computes the language model's head and nothing behind it. So it gives the score of a `tokens` or
`levels` read-out whose rows are in that head (`export.py --score-rows`), and of no other.
"""

SERVING_FILE, TEMPLATE_FILE = "serving.json", "score_template.jinja"
FORMAT_VERSION = 1
