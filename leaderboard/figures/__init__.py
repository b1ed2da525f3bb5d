"""From records to the figures that are shown: headlines, differences, cells over their seeds."""
