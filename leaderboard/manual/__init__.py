"""What pages of the manual say from records and from code: tables, the data dictionary."""
