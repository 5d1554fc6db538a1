"""The settings that connect each package client to a repository."""
