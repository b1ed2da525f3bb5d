"""What a server learns of those who sent updates, without giving any speech back."""
