"""The picture of spectrograms: an original beside what each model gives away of it."""
