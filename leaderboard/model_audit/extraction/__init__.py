"""What a recogniser gives away of secrets beside the transcripts that it was asked for."""
