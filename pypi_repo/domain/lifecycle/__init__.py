"""What becomes of files: values and errors."""
