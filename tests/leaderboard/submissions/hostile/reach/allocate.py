"""Takes all the memory there is."""

hoard = []
while True:
    hoard.append(bytes(1 << 28))
