"""Imports what another index, or a folder, has."""
