"""The HTTP server of `serve`.

It streams bodies to the application, and copes with slow clients.
"""
