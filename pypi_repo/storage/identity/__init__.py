"""What is stored about sign-in elsewhere."""
