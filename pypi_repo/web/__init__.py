"""WSGI: everything about HTTP is here and only here."""
