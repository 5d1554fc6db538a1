"""Tells webhooks and the host application what happened."""
