"""Values that several subjects share: durations, URLs, and who is asked elsewhere, and how."""
