"""Writes until nothing more fits."""

with open("/tmp/full", "wb") as one, open("/tmp/fuller", "wb") as other:
    while True:
        one.write(bytes(1 << 20))
        other.write(bytes(1 << 20))
