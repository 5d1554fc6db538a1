"""The pages about repositories and projects."""
