"""Statements about users, groups and administrators."""
