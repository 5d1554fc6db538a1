"""What operators do and look at: backups, upkeep, the journal, figures of use."""
