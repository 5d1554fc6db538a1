"""What becomes of files: deletion, and the way back."""
