"""Reads other indexes, keeps what was read, and decides what of it is offered."""
