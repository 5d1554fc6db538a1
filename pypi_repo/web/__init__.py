"""The WSGI apps. No lower layer knows HTTP."""
