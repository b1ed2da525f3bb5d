"""What everything uses: errors, random numbers, estimates, files, digests, registries."""
