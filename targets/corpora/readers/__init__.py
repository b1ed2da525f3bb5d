"""One file a layout of real speech."""
