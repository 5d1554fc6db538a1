"""Statements about events: those to be told, and the webhooks that are told."""
