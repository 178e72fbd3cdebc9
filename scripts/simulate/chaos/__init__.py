"""Chaos: many requests through a deployed gateway whose providers fail, and whether its clients notice.

providers  the scripted providers, and the models that lead to them
clients    the requests, several at once
records    what was seen from each side: by clients, in rows, by providers
promises   what has to hold between the three
report     the tables
"""
